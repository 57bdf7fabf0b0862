"""`galley doctor`: checks an installation and reports how to fix its problems.

It restores everything it changes, and works whether Galley runs or not. A check gathers facts and
passes them to a rule, which is a pure function; see domain/system/checks.py.
"""

from domain.system.checks import Finding, State
from jobs.doctor.examination import examine
from jobs.doctor.report import as_json, as_lines, summary
