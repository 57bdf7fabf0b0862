"""Code that runs outside a request: the queue, workers, the reconciler, and commands."""
