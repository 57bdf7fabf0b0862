"""Read, index, search and upload the log files of steps and runs."""
