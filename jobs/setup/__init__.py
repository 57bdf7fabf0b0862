"""Start Galley on one machine: the supervisor, the private Redis, and the first start."""
