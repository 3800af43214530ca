"""Metrics, one file each. The field's libraries compute them; these files work around the libraries' faults.

Every file whose class derives from `bench.evaluation.metrics.base.MetricFile` is measured wherever its subject is.
"""
