"""The checks of `galley doctor`, one module per subject. Rules are pure; facts are read apart."""
