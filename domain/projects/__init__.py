"""Projects and what belongs to them: members, test suites, environments, and secrets."""
