"""Vega-Lite charts of the page."""
