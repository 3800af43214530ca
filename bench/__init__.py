"""One experiment: configuration, data, training, sampling, scoring, result."""
