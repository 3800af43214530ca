"""Drawings of the documents, each made from one description."""
