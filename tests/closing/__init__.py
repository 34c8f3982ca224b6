"""Closures and distributions as they are run."""
