"""Metrics, evaluation protocols and tables of results."""
