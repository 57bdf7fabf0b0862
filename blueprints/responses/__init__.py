"""Schemas of what goes out, and the functions that make them from rows."""
