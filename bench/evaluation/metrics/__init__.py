"""Metrics, one file each. The numbers come from the field's libraries; these files keep the libraries' faults away.

Every file whose class derives from `bench.evaluation.metrics.base.MetricFile` is measured wherever its subject is.
"""
