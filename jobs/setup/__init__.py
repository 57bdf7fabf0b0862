"""Start Galley on one machine: the supervisor, its private Redis, and the first start."""
