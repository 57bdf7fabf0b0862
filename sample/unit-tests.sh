# Runs the unit tests that come with the sources of the release, and leaves a JUnit report.

# embed: junit.py

python3 -m zipfile -e "$GALLEY_RELEASES"/larder/*/source.zip .
python3 junit.py "$GALLEY_REPORTS/unit-tests.xml"
