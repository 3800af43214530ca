"""Evaluation of a model: samples, metrics, and the self-test of the metrics."""
