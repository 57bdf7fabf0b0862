"""Run scripts as process trees: limits, output, secret masking, and cleanup of all processes."""
