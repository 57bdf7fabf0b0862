"""What workers, the reconciler, and setup have in common."""
