"""Queries over the read models."""

from typing import Any

SHAPES: dict[str, Any] = {}
