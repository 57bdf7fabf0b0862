"""Users, tokens, roles, the audit log, and idempotency keys."""
