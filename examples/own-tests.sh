# The tests that more-itertools ships with its sources, run against the wheel of the release.
python3 -m venv tools
tools/bin/pip --disable-pip-version-check install --progress-bar off \
    pytest "$GALLEY_RELEASES"/more-itertools/*/*.whl

# Only the tests are taken from the sources: what is imported has to be the installed wheel.
tar xzf "$GALLEY_RELEASES"/more-itertools/*/*.tar.gz
mv more_itertools-*/tests tests

tools/bin/python -m pytest -q -p no:cacheprovider --junitxml="$GALLEY_REPORTS/pytest.xml" tests
