"""HTTP: pages and their fragments, and the JSON API."""
