"""Cells and names as people mean them."""

import unicodedata

_BLANK = " \t\r\n\u3000\u00a0\ufeff\u200b"


def clean(cell: str) -> str:
    """A cell without the blanks that banks pad it with."""
    return cell.strip(_BLANK)


def plain(text: str) -> str:
    """A name for comparison: full-width forms made plain, inner blanks gone."""
    return "".join(unicodedata.normalize("NFKC", text).split()).strip(_BLANK)
