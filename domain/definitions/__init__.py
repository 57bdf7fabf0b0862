"""Workflow definitions as values: schema, validation, comparison, merging, and text form. Pure."""
