"""Workflows as they are stored: revisions, queries, statistics, and the preview of a run."""
