"""Start, rerun, approve, complete, query, explain and delete runs."""
