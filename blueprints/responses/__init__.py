"""Answers of the API: the schema of each noun, and how its rows become values."""
