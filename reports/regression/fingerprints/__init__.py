"""Fingerprints against their baseline: which quantity differs first, on the way from data to score?"""
