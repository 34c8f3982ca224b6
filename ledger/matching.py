"""Rules by which bank lines find payments: data, loaded from a TOML file and checked."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

By = Literal["serial", "named", "contract", "payer", "amount"]
Cause = Literal["in_transit", "unregistered_contract", "reversal", "bank_error", "unknown"]
Owner = Literal["bank", "institution", "regulator"]


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to explain lines: by what key, how many to how many, within how many days."""

    name: str
    by: By
    shape: Literal["1:1", "1:n", "n:1"]
    days: int
    only_debits: bool = False


class LineClass(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a line is that no payment explains, by its text."""

    name: str
    side: Literal["credit", "debit"]
    pattern: str
    cause: Cause
    owner: Owner
    note: str


class Texts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Patterns in remittance texts: a payment that came back; what introduces a contract number (one group)."""

    returned: str
    contract: str


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole set of matching rules."""

    rules: tuple[Rule, ...]
    classes: tuple[LineClass, ...]
    texts: Texts


def load_rules(text: bytes) -> Rules:
    """Rules from TOML. Raises ValueError where they are malformed or a pattern is none."""
    try:
        rules = msgspec.convert(tomllib.loads(text.decode()), Rules)
        for pattern in (rules.texts.returned, rules.texts.contract, *(each.pattern for each in rules.classes)):
            re.compile(pattern)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, re.error, UnicodeDecodeError) as error:
        message = f"no matching rules: {error}"
        raise ValueError(message) from error
    return rules


@cache
def shipped_rules() -> Rules:
    """The rules that come with the program."""
    return load_rules((Path(__file__).parent / "matching.toml").read_bytes())
