"""Drafts of workflow definitions, the operations on them, and the commands of the editor."""
