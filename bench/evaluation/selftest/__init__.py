"""Self-test of the metrics: `python -m bench metrics selftest`.

Which metrics there are, and which direction is better, comes from what `bench.evaluation.scoring` returns, never from a
list here: each is measured on the truth and on corrupted copies of it, and known answers must come out.
"""
