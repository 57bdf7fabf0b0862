"""What the calls of the API are about: the chapters of its document."""

NOUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Workflows": ("What is to be done: ordered stages of steps.", ("/api/workflows",)),
    "Runs": (
        "One execution of one revision of a workflow. Later edits never touch it.",
        ("/api/workflows/{workflowId}/runs", "/api/workflowruns"),
    ),
    "Approvals": (
        "The decisions about stages that wait for a person.",
        ("/api/workflowruns/{runId}/stages",),
    ),
    "Steps": (
        "The steps of a run, and what only a person or a script outside can tell of them.",
        ("/api/workflowruns/{runId}/steps", "/api/completions"),
    ),
    "Tests": (
        "The tests of a Test step, and what people make of them.",
        ("/api/workflowruns/{runId}/steps/{stepRunId}/tests",),
    ),
    "Logs": (
        "What the steps of a run have printed, and files put beside it.",
        (
            "/api/workflowruns/{runId}/steps/{stepRunId}/logs",
            "/api/workflowruns/{runId}/logs",
        ),
    ),
    "Ingredients": ("Versioned components that Build steps make.", ("/api/ingredients",)),
    "Releases": ("What was built: versions that never change.", ("/api/releases",)),
    "Projects": (
        "They own everything else, and people have their roles in them.",
        ("/api/projects",),
    ),
    "Members": ("Who has which role in a project.", ("/api/projects/{projectId}/members",)),
    "Test suites": (
        "The scripts that Test steps run.",
        ("/api/projects/{projectId}/testsuites",),
    ),
    "Environments": (
        "Where Deploy steps deploy to, and what is there now.",
        ("/api/projects/{projectId}/environments",),
    ),
    "Secrets": (
        "Variables of scripts that nobody can read: encrypted, and masked in logs.",
        ("/api/projects/{projectId}/secrets",),
    ),
    "Users": ("People, and you among them.", ("/api/users",)),
    "Tokens": ("Your own keys for scripts.", ("/api/users/tokens",)),
    "Audit": ("Who did what to what, when and from where.", ("/api/audit",)),
    "This description": ("The API, described by itself.", ("/api",)),
}
"""Name → a sentence, and the beginnings of addresses; the longest that fits decides."""


def noun_of(path: str) -> str:
    """The name of what a call at this address is about."""
    fitting = [
        (len(beginning), name)
        for name, (_, beginnings) in NOUNS.items()
        for beginning in beginnings
        if f"{path}/".startswith(f"{beginning}/")
    ]
    return max(fitting)[1]
