"""Amounts and dates as banks write them, exact from the text."""

import re
import unicodedata
from datetime import date, datetime
from functools import lru_cache

_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<yuan>[0-9]{1,13}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.(?P<fen>[0-9]{1,8}))?")
_MASKED = re.compile(r"(?=.*[xXyYzZ*])[-+0-9xXyYzZ*,.]+")
_DATE = re.compile(
    r"(?:(\d{4})(\d{2})(\d{2})|(\d{4})([-/.年])(\d{1,2})[-/.月](\d{1,2})日?)"
    r"(?:[ T]?\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\S{0,6})?"
)
_SIGNS = str.maketrans({"¥": "", "￥": "", "−": "-", "–": "-", " ": ""})


def read_amount(text: str) -> int | None:
    """Signed fen of an amount in yuan, None where it is none: `1,234.50`, `-3.00`, `(3.00)`, `￥12`.

    More than two decimals are taken only where the rest are zeros: nothing is rounded.
    """
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    text = text.translate(_SIGNS)
    negative = text.startswith("(") and text.endswith(")")
    found = _AMOUNT.fullmatch(text[1:-1] if negative else text)
    if found is None or (negative and found["sign"]):
        return None
    fen = found["fen"] or ""
    if fen[2:].strip("0"):
        return None
    amount_fen = int(found["yuan"].replace(",", "")) * 100 + int(fen[:2].ljust(2, "0"))
    return -amount_fen if negative or found["sign"] == "-" else amount_fen


def is_masked(text: str) -> bool:
    """Whether a bank hid the figure (`xx,yyyy.zz`, `****`)."""
    return _MASKED.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def read_date(text: str, pattern: str = "") -> date | None:
    """A date, with or without time of day, None where it is none; `pattern` (strptime) for unusual orders."""
    try:
        if pattern:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a local date, no instant
        if (found := _DATE.fullmatch(text)) is None:
            return None
        year, month, day = (found[1], found[2], found[3]) if found[1] else (found[4], found[6], found[7])
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
