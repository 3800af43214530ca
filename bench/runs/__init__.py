"""The run folder on disk: its name, its lease, its files. No torch."""
