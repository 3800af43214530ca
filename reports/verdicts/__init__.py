"""Hypotheses judged on stored runs."""
