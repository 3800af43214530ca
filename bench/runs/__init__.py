"""The run folder on disk: its name, who may write to it, what it holds. No torch."""
