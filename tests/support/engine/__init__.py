"""The engine's promises as a model without a database, and what plays the real engine against it.

`things` and `model` are pure. `bench` is where it is played, `pair` holds both sides, `moves` makes
the same happen to both, `faults` knows what must never be seen, whatever the model says.
"""
