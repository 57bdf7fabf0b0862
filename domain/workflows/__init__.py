"""Workflow definitions: their schema, validation, revisions, comparison, and text form."""
