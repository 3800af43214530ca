"""A model scored: what it generates, the metrics of it, and whether these can be trusted."""
