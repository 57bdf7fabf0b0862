"""Start, rerun, approve, complete, query, explain and delete runs; expected durations of steps."""
