"""Pages of workflows, their revisions, and the form that starts a run."""
