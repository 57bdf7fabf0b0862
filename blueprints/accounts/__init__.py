"""Pages for signing in, the own account, and user administration."""
