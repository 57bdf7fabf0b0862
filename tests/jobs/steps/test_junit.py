"""JUnit reports in every common dialect, and invalid ones."""

import pytest

from jobs.steps.junit import Case, read_reports

PYTEST = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
<testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1">
<testcase classname="tests.test_a" name="test_good[a-1]" time="0.0125"/>
<testcase classname="tests.test_a" name="test_bad" time="0.001">
  <failure message="assert 1 == 2">def test_bad():
E  assert 1 == 2</failure></testcase>
<testcase classname="tests.test_a" name="test_later" time="0">
  <skipped type="pytest.skip" message="not now">here.py:3</skipped></testcase>
<testcase classname="" name="tests.test_b" time="0"><error message="collection failure"/></testcase>
</testsuite></testsuites>"""

JUNIT = """<testsuite name="org.Engine"><properties><property name="a" value="b"/></properties>
<testcase name="org.Engine.starts" classname="org.Engine" time="1,234.5"/>
<system-out>words</system-out></testsuite>"""

NESTED = """<testsuites><testsuite name="outer"><testsuite name="inner">
<testcase name="deep"><rerunFailure message="first try"/><system-out>x</system-out></testcase>
</testsuite><testcase name="shallow"/></testsuite></testsuites>"""


@pytest.fixture
def read(tmp_path):
    def read(**files: str | bytes):
        for name, content in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.xml"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_reports(tmp_path, str)

    return read


def test_the_cases_of_pytest_are_read(read):
    assert read(report=PYTEST).cases == [
        Case("pytest", "tests.test_a.test_good[a-1]", "Pass", 12, ""),
        Case(
            "pytest",
            "tests.test_a.test_bad",
            "Fail",
            1,
            "assert 1 == 2\ndef test_bad():\nE  assert 1 == 2",
        ),
        Case("pytest", "tests.test_a.test_later", "Skip", 0, "not now\nhere.py:3"),
        Case("pytest", "tests.test_b", "Error", 0, "collection failure"),
    ]


def test_a_report_may_be_one_suite_without_suites_around_it(read):
    assert read(report=JUNIT).cases == [Case("org.Engine", "org.Engine.starts", "Pass", 1_234_500)]


def test_suites_may_be_nested_and_a_test_that_passed_at_last_has_passed(read):
    assert read(report=NESTED).cases == [
        Case("inner", "deep", "Pass", None),
        Case("outer", "shallow", "Pass", None),
    ]


def test_all_reports_are_read_in_the_order_of_their_names(read):
    reports = read(b=JUNIT, a__c=NESTED)
    assert [case.name for case in reports.cases] == ["deep", "shallow", "org.Engine.starts"]
    assert reports.errors == []


def test_a_case_may_say_almost_nothing(read):
    assert read(r="<testsuite><testcase/></testsuite>").cases == [Case("", "(no name)", "Pass")]


@pytest.mark.parametrize("time", ["", "soon", "nan", "inf", "-1", "-inf"])
def test_an_invalid_duration_is_ignored(read, time):
    case = read(r=f'<testsuite><testcase name="a" time="{time}"/></testsuite>').cases[0]
    assert case.duration_ms is None


def test_a_duration_without_end_is_bounded(read):
    case = read(r='<testsuite><testcase name="a" time="1e30"/></testsuite>').cases[0]
    assert case.duration_ms == 2**31 - 1


def test_long_names_and_messages_are_cut(read):
    text = "x" * 100_000
    report = (
        f'<testsuite name="{text}"><testcase name="{text}"><failure>{text}END</failure>'
        "</testcase></testsuite>"
    )
    case = read(r=report).cases[0]
    assert (len(case.suite), len(case.name)) == (500, 1000)
    assert len(case.message) < 17_000
    assert case.message.endswith("END")
    assert "83,619 characters left out" in case.message


def test_other_xml_is_neither_a_report_nor_an_error(read):
    reports = read(coverage="<coverage><testcase/></coverage>", r=JUNIT)
    assert len(reports.cases) == 1
    assert reports.errors == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="klingon"?><testsuite/>',
        b"<testsuite>\x00</testsuite>",
        b"<testsuite>&#xD800;</testsuite>",
        b"<testsuite>",
    ],
)
def test_a_broken_report_is_named_and_hides_no_other(read, content):
    reports = read(broken=content, good=JUNIT)
    assert len(reports.cases) == 1
    assert len(reports.errors) == 1
    assert reports.errors[0].startswith("The report broken.xml is not valid XML: ")


def test_the_tests_before_the_error_of_a_report_count(read):
    reports = read(r='<testsuite><testcase name="a"/><testcase name="b')
    assert [case.name for case in reports.cases] == ["a"]
    assert len(reports.errors) == 1


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "entities",
    ['<!ENTITY l0 "ha">' + LAUGHS, '<!ENTITY l9 SYSTEM "file:///etc/passwd">'],
)
def test_entities_are_refused(read, entities):
    reports = read(bomb=f"<!DOCTYPE t [{entities}]><testsuite><testcase name='&l9;'/></testsuite>")
    assert reports.cases == []
    assert reports.errors == ["The report bomb.xml is refused because it declares entities."]


def test_a_report_without_end_is_refused(read, monkeypatch):
    monkeypatch.setattr("jobs.steps.junit.MAX_REPORT_BYTES", len(JUNIT))
    reports = read(a=PYTEST, b=JUNIT)
    assert len(reports.cases) == 1
    assert reports.errors == [f"The report a.xml is too large: {len(PYTEST):,} bytes."]


def test_reports_without_end_are_refused(read, monkeypatch):
    monkeypatch.setattr("jobs.steps.junit.MAX_ALL_BYTES", len(JUNIT) + 1)
    reports = read(a=JUNIT, b=JUNIT)
    assert len(reports.cases) == 1
    assert "The report b.xml is too large" in reports.errors[0]


def test_a_report_that_is_a_link_is_named(read, tmp_path):
    (tmp_path / "a.xml").symlink_to("/etc/passwd")
    (tmp_path / "latest").symlink_to("/etc")
    assert read().errors[0].startswith("$GALLEY_REPORTS/a.xml is a link")


def test_a_missing_report_is_no_error(tmp_path):
    (tmp_path / "output.txt").write_text("words")
    assert read_reports(tmp_path, str).cases == []
    assert read_reports(tmp_path / "gone", str).errors == []
