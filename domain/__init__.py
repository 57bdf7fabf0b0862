"""Galley's rules and data, independent of HTTP, Redis and processes."""
