"""Looks of every figure, table and page: labels, colours, scales, the style sheet."""
