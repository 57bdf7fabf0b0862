"""Turn what arrives from clients into checked values, and name each error with its place."""
