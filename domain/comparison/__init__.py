"""Compare two runs and find where their logs first differ."""
