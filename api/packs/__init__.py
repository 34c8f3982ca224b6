"""Packs to hand over: one zip with tables for people and machines, and a manifest that says what it was made from."""
