# Builds larder: a program in one file, with its recipes, and the sources it was made from.
# The sources are part of this script, so that the sample needs no repository and no network;
# a real build script begins with a checkout.

# embed: larder
# embed: recipes
# embed: tests

version="${GALLEY_PARAM_VERSION:-1.0.$GALLEY_RUN_NUMBER}"
echo "$version" > "$GALLEY_VERSION_FILE"
echo "VERSION = \"$version\"" > larder/version.py

echo "Packing larder $version"
python3 -m zipfile -c "$GALLEY_OUTPUT/source.zip" larder recipes tests

mkdir program
mv larder program/
python3 -m zipapp program -o larder.pyz -m larder.__main__:main -p "/usr/bin/env python3"
python3 -m zipfile -c "$GALLEY_OUTPUT/larder-$version.zip" larder.pyz recipes

ls -l "$GALLEY_OUTPUT"
