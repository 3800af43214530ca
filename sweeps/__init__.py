"""Many experiments: a question as a YAML grid, planned, run and shared among workers."""
