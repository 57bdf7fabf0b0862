# Builds the handbook of larder, beside the program: both steps run at the same time.

# embed: larder
# embed: recipes
# embed: handbook.py

version="${GALLEY_PARAM_VERSION:-1.0.$GALLEY_RUN_NUMBER}"
echo "$version" > "$GALLEY_VERSION_FILE"
python3 handbook.py "$GALLEY_OUTPUT/handbook.html" "$version"
