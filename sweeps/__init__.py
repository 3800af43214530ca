"""Sweeps: a question as a YAML grid of experiments, planned, run and shared among workers."""
