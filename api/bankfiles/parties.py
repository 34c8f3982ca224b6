"""Who is on the other side of a line: a keyed token for the ledger, a masked text for people."""

import hmac
import re
from functools import lru_cache

KNOWN = 4_096
"""So many accounts are remembered with their tokens."""
_NUMBER = re.compile(r"[0-9*Xx]{6,}[A-Za-z]?$")
_LONG_DIGITS = re.compile(r"(?<![A-Za-z0-9])[0-9]{7,}(?![A-Za-z0-9])")
_FILLER = re.compile(r"[-*\s/]*")


class Parties:
    """Makes tokens under a secret key: equal accounts get equal tokens; nobody without the key finds the account."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._token = lru_cache(KNOWN)(self._made)

    def token(self, name: str, account: str) -> str:
        """`p.` and 32 hex digits; empty where the bank names nobody. A masked number counts together with the name."""
        name, account = _meaningful(name), _meaningful(account)
        if not name and not account:
            return ""
        return self._token(name if "*" in account or not account else "", account)

    def _made(self, name: str, account: str) -> str:
        return "p." + hmac.digest(self._key, f"{name}\x1f{account}".encode(), "sha256").hex()[:32]


def split_party(text: str) -> tuple[str, str]:
    """Name and number of a cell that holds both (`张三 6666…`)."""
    found = _NUMBER.search(text)
    return (text[: found.start()].strip(), found[0]) if found else (text, "")


def masked_party(name: str, account: str) -> str:
    """What may be shown: the first character of the name, the last four of the number."""
    name, account = _meaningful(name), _meaningful(account)
    parts = [name[:1] + "**" if name else "", "****" + account[-4:] if account else ""]
    return " ".join(part for part in parts if part)


def masked_text(text: str, *names: str) -> str:
    """Remittance text without the names that the line gives and without long numbers, at most 140 characters."""
    for name in names:
        if len(name) > 1:
            text = text.replace(name, name[:1] + "**")
    text = _LONG_DIGITS.sub(lambda found: "****" + found[0][-4:], text)
    if not text.isprintable():
        text = "".join(each if each.isprintable() else " " for each in text)
    return text[:140]


def _meaningful(text: str) -> str:
    return "" if _FILLER.fullmatch(text) else text
