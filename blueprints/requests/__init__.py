"""Schemas of what may come in, shared by forms and the JSON API."""
