"""Stored workflows: revisions, queries, statistics, and previews."""
