"""The engine's transitions: every change of a run, stage or step while it executes.

The database owns every state; Redis only carries hints. A step carries an attempt number, a lease
and a random token: a worker takes it by compare-and-set, and each of the worker's writes succeeds
only while it holds the token. The end of the last step of a stage advances the run in the same
transaction: `decide` is the pure rule for the next move of a run, `advance` carries it out. Each
function below is one transaction and announces, after the commit, which steps
became ready and which running steps have to be aborted: see `listen`.
"""

from domain.engine.advance import (
    admit,
    advance,
    advance_in_transaction,
    count_in_progress,
    is_move_due,
    oldest_held_back,
    rests,
)
from domain.engine.announcements import announce, listen
from domain.engine.claims import beat, claim, oldest_ready, owned
from domain.engine.endings import end_lease, end_leases_of, expire, finish, give_back
from domain.engine.requests import (
    abort_run,
    abort_step,
    complete_external,
    decide_stage,
    expire_external,
)
from domain.engine.types import AbortRequest, Claim, Ending, LeaseLost, Ready
from domain.errors import StepFailed
