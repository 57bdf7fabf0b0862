"""Sentences for the events of the audit, with links to their objects."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from blueprints.responses import audit
from domain.models import AuditEvent, Run, StepRun

ACTIONS = {
    "abort": "aborted",
    "answer": "recorded the outcome of",
    "approve": "approved",
    "change": "changed",
    "change_password": "changed the password of",
    "change_password_failed": "failed to change the password of",
    "complete": "completed",
    "create": "created",
    "delete": "deleted",
    "disable": "disabled",
    "enable": "enabled",
    "put": "changed",
    "reject": "rejected",
    "rerun": "started",
    "restore": "restored",
    "review": "reviewed",
    "sign_in": "signed in",
    "sign_in_failed": "failed to sign in as",
    "sign_out": "signed out",
    "start": "started",
    "update": "changed",
    "upload": "added log files to",
}
"""Stored action → verb of the sentence."""

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
"""Stored kind of object → its noun."""

_NO_OBJECT = ("sign_in", "sign_out")
"""Actions whose object is the actor."""
_SAID = ("changed", "isNew", "name", "number", "workflow", "runId", "stepRunId", "ingredientId")
"""Members of the detail that the sentence already shows."""


@dataclass(frozen=True)
class Named:
    """Existing runs and steps that events refer to, by id."""

    runs: Mapping[str, Run]
    steps: Mapping[str, StepRun]


def steps_to_name(rows: Sequence[AuditEvent]) -> list[str]:
    """Return the ids of the steps whose events do not record their run."""
    return [r.object_id for r in rows if r.object_kind == "step" and "runId" not in r.detail]


def runs_to_name(rows: Sequence[AuditEvent], steps: Mapping[str, StepRun]) -> list[str]:
    """Return the ids of the runs that the events refer to."""
    found = [_run_id(row, steps) for row in rows]
    return [run_id for run_id in found if run_id is not None]


def sentence(row: AuditEvent, named: Named) -> dict[str, Any]:
    """Return the event with the parts of its sentence: `ann did the noun name tail`.

    href: the page of the object, if it exists; run: the run that the object is part of; changes:
    `{field, from, to, hasValues}`; facts: the rest of the detail.
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
    """Return the verb, the noun, and the words after the name."""
    did = ACTIONS.get(row.action, row.action)
    noun = KINDS.get(row.object_kind, row.object_kind)
    if row.action == "sign_in_failed":
        return did, "", ""
    if row.action == "rerun":
        return did, "rerun", ""
    if row.action != "put":
        return did, noun, ""
    if row.object_kind == "member" and (role := _new_role(row.detail)):
        return "gave", "", f"the role {role}"
    if row.object_kind == "secret":
        return "set", noun, ""
    return "created" if row.detail.get("isNew") else did, noun, ""


def _new_role(detail: Mapping[str, Any]) -> str:
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
    """Return the name of the object, or its id if no name is known."""
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
    """Return the page of the object, unless it may have been deleted."""
    if row.object_kind == "ingredient":
        return f"/ingredients/{quote(row.object_id)}"
    if row.object_kind == "project":
        return f"/projects/{quote(row.object_id)}/settings"
    if run is None or row.object_kind not in ("run", "stage", "step", "test"):
        return None
    step = {"step": row.object_id, "test": row.detail.get("stepRunId")}.get(row.object_kind)
    return f"/runs/{run.id}" + (f"?step={step}#step" if step else "")


def _changes(detail: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, change in (detail.get("changed") or {}).items():
        yield {
            "field": _words(name),
            "hasValues": bool(change),
            "from": _text(change.get("from")),
            "to": _text(change.get("to")),
        }


def _words(name: str) -> str:
    """Split a name into words: `timeoutSeconds` → `timeout seconds`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
