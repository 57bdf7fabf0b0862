"""Tests reported by steps: storage, queries, history over runs, and reviews."""
