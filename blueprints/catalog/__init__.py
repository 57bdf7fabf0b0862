"""Pages of ingredients, releases, and environments."""
