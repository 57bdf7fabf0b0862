"""Galley's rules and data. Knows nothing of HTTP, Redis or processes."""
