"""Pages for signing in, the user's own account, and user administration."""
