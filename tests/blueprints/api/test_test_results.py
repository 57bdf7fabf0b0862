"""The single tests of a step, as the API lists them."""

from domain.models import TestResult, new_id
from tests.support.world import World


def test_the_tests_of_a_step_come_in_pages_and_only_those_of_its_last_attempt(
    app, client, project, people
):
    step = World(app, project).run(type="Test", attempt=2)
    rows = [
        {"id": new_id(), "step": step.id, "attempt": attempt, "name": f"test {n}", "result": "Pass"}
        for attempt in (1, 2)
        for n in range(60)
    ]
    TestResult.insert_many(rows).execute()
    path = f"/api/workflowruns/{step.run_id}/steps/{step.id}/tests"
    headers = people.user.headers()

    first = client.get(path, headers=headers).json
    assert (first["totalCount"], first["page"], first["pageSize"]) == (60, 1, 50)
    last = client.get(f"{path}?page=2", headers=headers).json
    names = [item["name"] for item in first["items"] + last["items"]]
    assert sorted(names) == sorted(f"test {n}" for n in range(60))
    assert client.get(f"{path}?pageSize=201", headers=headers).status_code == 422
