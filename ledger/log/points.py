"""Which 32 bytes are an Ed25519 public key: a point of the curve, written in one way, that few signatures fit."""

from typing import Final

_PRIME: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _PRIME) % _PRIME
_SMALL: Final = frozenset(
    int.from_bytes(bytes.fromhex(each), "little")
    for each in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)
"""y of the eight points of order 1, 2, 4 and 8; the sign of x tells two of one y apart."""


class UnfitPoint(ValueError):
    """Nobody has the private half of this key, or anybody's signature fits it; why."""


def check_point(key: bytes) -> None:
    """Check 32 bytes before they are believed to be somebody's key.

    Raises UnfitPoint: for a point of small order, under which one signature is right for whatever text; for another
    way to write a point (RFC 8032 5.1.3), so that one key has one name; for what is no point of the curve.
    """
    encoded = int.from_bytes(key, "little")
    y = encoded & ((1 << 255) - 1)
    if y % _PRIME in _SMALL:
        raise UnfitPoint("a point of small order is nobody's key: one signature would fit every text")
    if y >= _PRIME:
        raise UnfitPoint("this is not how an Ed25519 key is written")
    # x² = (y² - 1) / (d y² + 1); the quotient is a square where numerator × denominator is one
    if pow((y * y - 1) * (_D * y * y + 1), (_PRIME - 1) // 2, _PRIME) != 1:
        raise UnfitPoint("this is no point of the curve")
