"""Proofs that need no faith in the operator: hash trees over the stored bytes, signed checkpoints, bundles."""
