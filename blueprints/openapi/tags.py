"""The subjects of the API's calls: the chapters of its document."""

NOUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Workflows": ("Definitions: ordered stages of steps.", ("/api/workflows",)),
    "Runs": (
        "Executions of one revision of a workflow, which later edits never touch.",
        ("/api/workflows/{workflowId}/runs", "/api/workflowruns"),
    ),
    "Approvals": (
        "Decisions about stages that wait for an approval.",
        ("/api/workflowruns/{runId}/stages",),
    ),
    "Steps": (
        "The steps of a run, their external completion and unknown outcomes.",
        ("/api/workflowruns/{runId}/steps", "/api/completions"),
    ),
    "Tests": (
        "The tests of a Test step, and their reviews.",
        ("/api/workflowruns/{runId}/steps/{stepRunId}/tests",),
    ),
    "Logs": (
        "The output of the steps of a run, and uploaded log files.",
        (
            "/api/workflowruns/{runId}/steps/{stepRunId}/logs",
            "/api/workflowruns/{runId}/logs",
        ),
    ),
    "Ingredients": ("Versioned components that Build steps release.", ("/api/ingredients",)),
    "Releases": ("Immutable versions of ingredients.", ("/api/releases",)),
    "Projects": (
        "They own everything else, and users have roles in them.",
        ("/api/projects",),
    ),
    "Members": ("Users and their roles in a project.", ("/api/projects/{projectId}/members",)),
    "Test suites": (
        "The scripts that Test steps run.",
        ("/api/projects/{projectId}/testsuites",),
    ),
    "Environments": (
        "Targets of Deploy steps, and their current deployments.",
        ("/api/projects/{projectId}/environments",),
    ),
    "Secrets": (
        "Variables of scripts: encrypted, never shown, and masked in logs.",
        ("/api/projects/{projectId}/secrets",),
    ),
    "Users": ("All users, and your own account.", ("/api/users",)),
    "Tokens": ("Your own access tokens for scripts.", ("/api/users/tokens",)),
    "Audit": ("Every change, with its user, time and address.", ("/api/audit",)),
    "This description": ("The description of the API.", ("/api",)),
}
"""Name → a sentence, and the beginnings of addresses. The longest that fits decides."""


def noun_of(path: str) -> str:
    """Return the name of the subject of the calls at this address."""
    fitting = [
        (len(beginning), name)
        for name, (_, beginnings) in NOUNS.items()
        for beginning in beginnings
        if f"{path}/".startswith(f"{beginning}/")
    ]
    return max(fitting)[1]
