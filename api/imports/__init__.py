"""Contracts and lessons from files of the institutions: templates, rows, results row by row."""
