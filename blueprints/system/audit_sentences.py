"""Events of the audit as sentences: who did what to what, and where that can be seen."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from blueprints.responses import audit
from domain.models import AuditEvent, Run, StepRun

ACTIONS = {
    "abort": "aborted",
    "answer": "said what became of",
    "approve": "approved",
    "change": "changed",
    "change_password": "changed the password of",
    "change_password_failed": "failed to change the password of",
    "complete": "completed",
    "create": "made",
    "delete": "deleted",
    "disable": "switched off",
    "enable": "switched on",
    "put": "changed",
    "reject": "rejected",
    "rerun": "ran again, as",
    "restore": "restored",
    "review": "reviewed",
    "sign_in": "signed in",
    "sign_in_failed": "failed to sign in as",
    "sign_out": "signed out",
    "start": "started",
    "update": "changed",
    "upload": "added log files to",
}
"""What the audit calls an action → what somebody did."""

KINDS = {
    "environment": "environment",
    "ingredient": "ingredient",
    "member": "member",
    "project": "project",
    "release": "release",
    "run": "run",
    "secret": "secret",
    "stage": "stage",
    "step": "step",
    "test": "test",
    "test_suite": "test suite",
    "token": "token",
    "user": "user",
    "workflow": "workflow",
}
"""What the audit calls a kind of object → what people call it."""

_NO_OBJECT = ("sign_in", "sign_out")
"""Of these the object is who did it."""
_SAID = ("changed", "isNew", "name", "number", "workflow", "runId", "stepRunId", "ingredientId")
"""Members of the detail that the sentence itself says, or that only lead to what it says."""


@dataclass(frozen=True)
class Named:
    """Runs and steps that events name by id, of those that are still there; by id."""

    runs: Mapping[str, Run]
    steps: Mapping[str, StepRun]


def steps_to_name(rows: Sequence[AuditEvent]) -> list[str]:
    """Ids of the steps of which only the table knows name and run."""
    return [r.object_id for r in rows if r.object_kind == "step" and "runId" not in r.detail]


def runs_to_name(rows: Sequence[AuditEvent], steps: Mapping[str, StepRun]) -> list[str]:
    """Ids of the runs that the events are about."""
    found = [_run_id(row, steps) for row in rows]
    return [run_id for run_id in found if run_id is not None]


def sentence(row: AuditEvent, named: Named) -> dict[str, Any]:
    """The event with its words.

    did, noun, name, tail: `ann did the noun name tail`; href: where the object can be seen, if it
    surely is there; run: that it is part of; changes: `{field, from, to, isTold}`; facts: what else
    is known of it.
    """
    did, noun, tail = _words_of(row)
    run = named.runs.get(_run_id(row, named.steps) or "")
    return {
        **audit.AuditEvent.of(row).model_dump(),
        "did": did,
        "noun": noun,
        "tail": tail,
        "hasObject": row.action not in _NO_OBJECT,
        "name": _name(row, run, named),
        "href": _href(row, run),
        "run": None if run is None or row.object_kind == "run" else _run_name(run),
        "runHref": run and f"/runs/{run.id}",
        "changes": list(_changes(row.detail)),
        "facts": [
            (_words(name), _text(value))
            for name, value in row.detail.items()
            if name not in _SAID and value not in (None, "")
        ],
    }


def _words_of(row: AuditEvent) -> tuple[str, str, str]:
    """What was done, to what kind of object, and what follows its name."""
    did = ACTIONS.get(row.action, row.action)
    noun = KINDS.get(row.object_kind, row.object_kind)
    if row.action == "sign_in_failed":
        return did, "", ""
    if row.action != "put":
        return did, noun, ""
    if row.object_kind == "member" and (role := _told_role(row.detail)):
        return "gave", "", f"the role {role}"
    if row.object_kind == "secret":
        return "set", noun, ""
    return "made" if row.detail.get("isNew") else did, noun, ""


def _told_role(detail: Mapping[str, Any]) -> str:
    role = (detail.get("changed") or {}).get("role") or {}
    return str(role.get("to") or "")


def _run_id(row: AuditEvent, steps: Mapping[str, StepRun]) -> str | None:
    if row.object_kind == "run":
        return row.object_id
    if row.object_kind == "step" and row.object_id in steps:
        return steps[row.object_id].run_id
    return row.detail.get("runId")


def _run_name(run: Run) -> str:
    return f"{run.workflow.name} #{run.number}"


def _name(row: AuditEvent, run: Run | None, named: Named) -> str:
    """What people know the object by; its id where nothing else is known."""
    detail = row.detail
    if row.object_kind == "run":
        if run is not None:
            return _run_name(run)
        if "number" in detail:
            return f"{detail.get('workflow', '')} #{detail['number']}".strip()
    if row.object_kind == "step" and row.object_id in named.steps:
        return named.steps[row.object_id].name
    if row.object_kind == "release" and "version" in detail:
        return f"{detail.get('ingredientId', '')}@{detail['version']}"
    return str(detail.get("name", row.object_id))


def _href(row: AuditEvent, run: Run | None) -> str | None:
    """Only what is never deleted, or was looked up."""
    if row.object_kind == "ingredient":
        return f"/ingredients/{quote(row.object_id)}"
    if row.object_kind == "project":
        return f"/projects/{quote(row.object_id)}/settings"
    if run is None or row.object_kind not in ("run", "stage", "step", "test"):
        return None
    step = {"step": row.object_id, "test": row.detail.get("stepRunId")}.get(row.object_kind)
    return f"/runs/{run.id}" + (f"?step={step}#step" if step else "")


def _changes(detail: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, told in (detail.get("changed") or {}).items():
        yield {
            "field": _words(name),
            "isTold": bool(told),
            "from": _text(told.get("from")),
            "to": _text(told.get("to")),
        }


def _words(name: str) -> str:
    """`timeoutSeconds` → `timeout seconds`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)


def _text(value: Any) -> str:
    """ "" for what was not there."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
