"""Packs to hand over."""
