"""Stored runs to data frames: sweeps, settings, self-test marks."""
