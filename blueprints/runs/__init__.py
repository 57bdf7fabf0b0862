"""Pages of runs: the run page, logs, test results, and comparison."""
