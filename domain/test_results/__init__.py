"""The tests that steps report: storage, queries, history over runs, and reviews."""
