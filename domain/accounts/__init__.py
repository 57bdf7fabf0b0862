"""Users, tokens, roles, the audit log, and the records that make a request safe to repeat."""
