# Tries the released program as a cook would. It leaves no report, so the suite is the one test.

for version in "$GALLEY_RELEASES"/larder/*; do
    python3 -m zipfile -e "$version"/larder-*.zip .

    printed=$(python3 larder.pyz --version)
    echo "larder --version prints $printed"
    test "$printed" = "$(basename "$version")"

    python3 larder.pyz recipes/biscuit.txt 40 | tee for-forty
    grep -qx "5000 g flour" for-forty
    grep -qx "15 tsp salt" for-forty

    if python3 larder.pyz recipes/biscuit.txt none; then
        echo "larder took a crew of none"
        exit 1
    fi
done
