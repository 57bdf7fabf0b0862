"""`galley doctor`: looks at an installation and says how to mend what is wrong.

It changes nothing that it does not put back, and works whether Galley runs or not. A check asks
for its facts and hands them to a rule, which is a pure function.
"""

from jobs.doctor.examination import examine
from jobs.doctor.findings import Finding, State
from jobs.doctor.report import as_json, as_lines, summary
