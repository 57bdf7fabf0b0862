"""The worker: take a step, renew its lease, run one attempt, and report its end."""
