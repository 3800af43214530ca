"""Catalogue of planted faults: careless changes, one file a group, that the regression check is to find.

Settings and identities stay as ever, what is computed does not: `benchmarks/results/faults.txt` says how much.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.reliability.faults import data, frozen, loss, model, optimisation, sampling, scoring
from benchmarks.reliability.faults.planting import SCORING, TRAINING, Fault

__all__ = ["FAULTS", "SCORING", "TRAINING", "Fault"]

GROUPS = (data, model, loss, optimisation, sampling, scoring, frozen)
FAULTS = {
    name: replace(fault, group=group.__name__.rpartition(".")[2])
    for group in GROUPS
    for name, fault in group.FAULTS.items()
}
