"""Pages of projects and their settings."""
