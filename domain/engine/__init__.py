"""The engine's transitions: every change of a run, stage or step while it executes.

The database owns every state; Redis only rings. A step carries an attempt number, a lease and a
random token: a worker takes it by compare-and-set, and every write of the worker holds only while
the token is still its own. Whoever finishes the last step of a stage advances the run in the same
transaction. Each function below is one transaction; those that make steps ready return them, and
the caller rings for them after the commit. A lost ring costs seconds, never a step: the reconciler
rings again.
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
from domain.engine.claims import beat, claim, oldest_ready, owned
from domain.engine.endings import end_lease, end_leases_of, expire, finish, give_back
from domain.engine.requests import (
    abort_run,
    abort_step,
    complete_outside,
    decide_stage,
    expire_outside,
)
from domain.engine.types import Claim, Ending, LeaseLost, Ready
from domain.errors import StepFailed
