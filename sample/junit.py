"""A test runner for `tests/` that writes a JUnit report: `python3 junit.py FILE`."""

import sys
import time
import unittest
from xml.etree import ElementTree


class Reporter(unittest.TextTestResult):
    """A test result that collects one <testcase> for each test."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.report = ElementTree.Element("testsuite", name="larder")

    def startTest(self, test):
        super().startTest(test)
        self.started = time.perf_counter()
        owner, _, name = test.id().rpartition(".")
        self.case = ElementTree.SubElement(self.report, "testcase", classname=owner, name=name)

    def stopTest(self, test):
        self.case.set("time", f"{time.perf_counter() - self.started:.3f}")
        super().stopTest(test)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.note("failure", error)

    def addError(self, test, error):
        super().addError(test, error)
        self.note("error", error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.note("failure", error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        ElementTree.SubElement(self.case, "skipped", message=reason)

    def note(self, tag, error):
        kind, value, _ = error
        ElementTree.SubElement(self.case, tag, message=f"{kind.__name__}: {value}")


tests = unittest.defaultTestLoader.discover("tests")
result = unittest.TextTestRunner(sys.stdout, resultclass=Reporter, verbosity=2).run(tests)
ElementTree.ElementTree(result.report).write(sys.argv[1], encoding="utf-8", xml_declaration=True)
sys.exit(not result.wasSuccessful())
