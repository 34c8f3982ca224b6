"""The language of an answer: Chinese unless the reader prefers English."""

import re
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
DEFAULT: Language = "zh"

_RANGE = re.compile(r"\s*(?P<tag>[A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q=(?P<q>[01](?:\.[0-9]{0,3})?)\s*)?")
_MAX_RANGES = 32


def preferred(accept_language: str | None) -> Language:
    """The language that `Accept-Language` (RFC 9110) prefers among ours; the default where it names neither."""
    best: Language = DEFAULT
    weight = 0.0
    for text in (accept_language or "").split(",")[:_MAX_RANGES]:
        found = _RANGE.fullmatch(text)
        if found is None:
            continue
        named, quality = found["tag"].lower(), float(found["q"] or 1)
        for language in LANGUAGES:
            if named in {language, "*"} and quality > weight:
                best, weight = language, quality
                break
    return best
