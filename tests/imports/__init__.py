"""Imports of contracts and lessons."""
