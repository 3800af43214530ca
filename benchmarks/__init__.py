"""Benchmarks of speed and reliability."""
