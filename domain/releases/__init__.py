"""Ingredients, releases, packages and their storage, and deployments."""
