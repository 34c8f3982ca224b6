"""Account references in a pack: enough to recognise one, not enough to use it."""

from collections.abc import Callable

SHOWN = 4
Resolve = Callable[[str], str | None]
"""What a reference stands for, where somebody who may know asks; None where it is not known."""


def masked(reference: str) -> str:
    """The last four characters of an account reference; nothing of one that is hardly longer."""
    if not reference:
        return ""
    return f"****{reference[-SHOWN:]}" if len(reference) > 2 * SHOWN else "****"
