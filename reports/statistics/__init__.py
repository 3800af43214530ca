"""Estimates with intervals, tests of families, and power analysis of stored numbers."""
