"""Positions and widths of a timeline in percent, for SVG."""

from typing import Any

from domain.runs.timeline import Bar, Stretch, Timeline


def timeline(drawn: Timeline) -> dict[str, Any]:
    """Return the timeline; app.js uses origin and span (ms) to grow bars between polls."""
    return {
        "origin": drawn.origin,
        "span": drawn.span,
        "ticks": [{"x": _percent(at, drawn), "ms": at} for at in drawn.ticks()],
        "bars": {step_id: _bar(bar, drawn) for step_id, bar in drawn.bars.items()},
    }


def _bar(bar: Bar, drawn: Timeline) -> dict[str, Any]:
    return {
        "wait": _part(*bar.waited, drawn) if bar.waited else None,
        "waitMs": bar.waited[1] - bar.waited[0] if bar.waited else None,
        "isWaiting": bar.waited is not None and not bar.attempts,
        "ghost": _part(*bar.ghost, drawn) if bar.ghost else None,
        "attempts": [_attempt(stretch, drawn) for stretch in bar.attempts],
        "startMs": bar.attempts[0].start if bar.attempts else None,
        "isLate": bar.is_late,
        "isCritical": bar.is_critical,
    }


def _attempt(stretch: Stretch, drawn: Timeline) -> dict[str, Any]:
    return {
        **_part(stretch.start, stretch.end, drawn),
        "number": stretch.number,
        "status": stretch.status,
        "ms": stretch.end - stretch.start,
        "isGrowing": stretch.is_growing,
        "from": stretch.start,
    }


def _part(start: int, end: int, drawn: Timeline) -> dict[str, str]:
    return {"x": _percent(start, drawn), "width": _percent(end - start, drawn)}


def _percent(ms: int, drawn: Timeline) -> str:
    return f"{min(100, ms * 100 / drawn.span):.2f}%"
