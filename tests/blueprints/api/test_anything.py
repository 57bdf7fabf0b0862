"""Whatever anybody sends, the answer is never a mistake of ours."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples

NAMES = """
id name description role script timeoutSeconds driver settings path keep requiresApproval projectId
username password scopes expiresIn stages steps order type configuration parameters triggerSource
success releaseId message comment isEnabled concurrency runIf approval retries queue ingredientId
buildScript testSuite releaseIds target artifactPath choices default value
happened from definition displayName email isSystemAdmin currentPassword
""".split()  # noqa: SIM905
QUERY = """
page pageSize cursor projectId workflowId status triggerSource startedAfter startedBefore attempt
offset days search isEnabled sort wait actor action kind objectId since until
""".split()  # noqa: SIM905
HEADERS = """
Content-Type Accept If-Match If-None-Match Idempotency-Key Range Authorization X-CSRFToken
If-Modified-Since If-Range HX-Request HX-Current-URL Cookie Content-Encoding
""".split()  # noqa: SIM905
TELLING = [
    "",
    "0",
    "-1",
    "1",
    "9" * 40,
    "true",
    "nan",
    "*",
    '"1"',
    "bytes=5-1",
    "bytes=0-",
    "application/json",
    "multipart/form-data; boundary=x",
    "Build",
    "2026-01-31T12:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "\0",
    "ü/..",
    "Running",
    "name",
]

text = st.sampled_from(TELLING) | st.text(max_size=12)
header_text = st.sampled_from(TELLING) | st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=12
)
scalar = st.none() | st.booleans() | st.integers() | st.floats() | text
value = st.recursive(
    scalar,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | text, inner, max_size=4)
    ),
    max_leaves=12,
)
body = st.binary(max_size=60) | st.dictionaries(st.sampled_from(NAMES), value, max_size=6).map(
    lambda members: json.dumps(members).encode()
)


@pytest.mark.slow
@settings(
    max_examples=examples(80),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_request_makes_the_server_fail(app, client, people, known, data):
    rules = [r for r in app.url_map.iter_rules() if r.endpoint != "static"]
    rule = data.draw(st.sampled_from(sorted(rules, key=lambda r: (r.rule, sorted(r.methods)))))
    method = data.draw(st.sampled_from(sorted(rule.methods - {"OPTIONS"})))
    path = "".join(
        part if is_text else quote(str(data.draw(st.just(known.get(part, "x")) | text)), safe="")
        for is_text, part in split(rule)
    )
    headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), header_text, max_size=3))
    headers = {**people.sysadmin.headers(), "Content-Type": "application/json", **headers}
    query = data.draw(st.lists(st.tuples(st.sampled_from(QUERY) | text, text), max_size=2))
    response = client.open(
        path,
        method=method,
        headers=headers,
        query_string="&".join(f"{quote(key)}={quote(text)}" for key, text in query),
        data=data.draw(body) if method != "GET" else None,
        buffered=True,
    )
    assert response.status_code < 500, response.get_data(as_text=True)


def split(rule) -> list[tuple[bool, str]]:
    """The parts of an address: (is it fixed text, the text or the variable's name)."""
    return [(not is_variable, part) for is_variable, part in rule._trace if part != "|"]
