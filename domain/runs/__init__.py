"""Runs: start, rerun, approve, complete, query, explain, and delete them."""
