"""Witnesses as settings name them: where each answers, and the key that it signs with."""

from typing import NamedTuple

from ledger.log.keys import COSIGNER, PublicKey, parse_public_key


class WitnessAddress(NamedTuple):
    """Where a witness answers, and its key."""

    url: str
    key: PublicKey


def parse_witnesses(text: str) -> tuple[WitnessAddress, ...]:
    """`URL VERIFIER-KEY` for each, separated by spaces. Raises ValueError, MalformedKey among them."""
    words = text.split()
    if len(words) % 2:
        raise ValueError("witnesses are a URL and a verifier key each")
    found = tuple(WitnessAddress(url, parse_public_key(key)) for url, key in zip(words[::2], words[1::2], strict=True))
    for each in found:
        if not each.url.startswith(("https://", "http://")):
            raise ValueError("a witness answers over HTTP")
        if each.key.kind != COSIGNER:
            raise ValueError(f"{each.key.name} is not the key of a witness")
    return found
