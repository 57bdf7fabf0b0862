"""Run a script as a process group: limits, output, masking, and the end of all its processes."""
