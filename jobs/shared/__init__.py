"""Code shared by workers, the reconciler, and setup."""
