"""The JSON API: one module per noun, and what its calls share."""
