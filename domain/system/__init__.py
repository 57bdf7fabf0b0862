"""The state of the installation: heartbeats, load, and status."""
