"""Measures the speed that the README promises: `make bench`."""
