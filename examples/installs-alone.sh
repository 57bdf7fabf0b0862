# The wheel can be installed and used with nothing else, and without a network.
python3 -m venv plain
plain/bin/pip --disable-pip-version-check install --no-index "$GALLEY_RELEASES"/*/*/*.whl
plain/bin/python -c '
from more_itertools import chunked
assert list(chunked(range(5), 2)) == [[0, 1], [2, 3], [4]]
'
