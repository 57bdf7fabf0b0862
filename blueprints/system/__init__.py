"""Administration pages, health checks, metrics, and the style guide."""
