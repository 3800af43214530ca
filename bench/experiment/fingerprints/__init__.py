"""Fingerprints: quantities on the way from data to score that hardly depend on the machine, for every plug-in there is.

The sharp and quick layer of the regression check. Nothing is listed by hand: architectures, tasks, losses, metrics,
data sets and settings with a few values are found in their registries.
"""
