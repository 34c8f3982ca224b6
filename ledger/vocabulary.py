"""The page of events, written from the code: `python -m ledger.vocabulary > docs/events.md`."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import date
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct, structs

from ledger import events
from ledger.evolution import FOLDS
from ledger.postings import ACCOUNTS, POSTINGS, Leg
from ledger.serialization import TOPICS, Envelope

_INTRO = """# Events

Written from the code by `python -m ledger.vocabulary`; a test compares. Every event is stored under its stable name \
with an envelope, as canonical JSON: fields in their declared order, defaults left out, whole numbers and texts only. \
Money is whole fen, class hours are hundredths, instants are microseconds since the epoch in UTC, dates are days in \
Asia/Shanghai. Legs: `+` debits, `-` credits; an account marked `*` is also kept per contract. What has no legs moves \
no money.
"""
_BY_CONTRACT = {account.name for account in ACCOUNTS if account.by_contract}
_UNITS = {
    "_fen": "fen",
    "_centihours": "1/100 class hour",
    "_at": "µs UTC",
    "_workdays": "working days",
    "_sha256": "SHA-256, hex",
    "_percent": "percent",
}


def page() -> str:
    """The whole page as Markdown."""
    families: dict[str, list[str]] = {}
    for kind, topic in TOPICS.items():
        family = FOLDS[kind].__module__.rpartition(".")[2]
        lines = families.setdefault(family, [f"## {family.capitalize()}\n"])
        lines += [*_struct_page(f"{kind.__name__} `{topic}`", kind, "###"), _legs_line(POSTINGS.get(kind, ()))]
    lines = families.setdefault("", ["## Parts of events\n"])
    parts: tuple[type[Struct], ...] = (
        events.Terms, events.Tier, events.Circumstances, events.Instalment, events.BankShare,
    )  # fmt: skip
    for part in parts:
        lines += _struct_page(part.__name__, part, "###")
    told = [_INTRO, *_struct_page("Envelope", Envelope, "##"), *(line for each in families.values() for line in each)]
    return "\n".join(told).rstrip() + "\n"


def _struct_page(title: str, kind: type[Struct], level: str) -> Iterator[str]:
    yield f"{level} {title}\n"
    yield f"{inspect.cleandoc(kind.__doc__ or '')}\n"
    yield "| field | type | unit | |"
    yield "|---|---|---|---|"
    hints, notes = get_type_hints(kind), _field_notes(kind)
    for field in structs.fields(kind):
        note = notes.get(field.name, "")
        default = "" if field.required else f"left out when {_default(field)}"
        told = "; ".join(part for part in (note, default) if part)
        yield f"| `{field.name}` | {_type(hints[field.name])} | {_unit(field.name, hints[field.name])} | {told} |"
    yield ""


def _default(field: structs.FieldInfo) -> str:
    if field.default is NODEFAULT:
        return "empty"
    shown = {None: "unknown", "": "empty", (): "empty", False: "false", True: "true"}
    if isinstance(field.default, Struct):
        return "nothing was found"
    return str(field.default) if type(field.default) is int else shown.get(field.default, str(field.default))


def _type(hint: Any) -> str:  # noqa: ANN401 - any annotation of a field
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " \\| ".join(f'"{each}"' for each in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is not None and NoneType in arguments:
        return " or ".join(_type(each) for each in arguments if each is not NoneType)
    if origin is Union:
        return " or ".join(map(_type, arguments))
    return {int: "whole number", str: "text", bool: "yes or no", date: "date"}.get(hint, getattr(hint, "__name__", ""))


def _unit(name: str, hint: object) -> str:
    counted = {int, str} & {hint, *get_args(hint)}
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending) and counted), "")


def _field_notes(kind: type[Struct]) -> dict[str, str]:
    """Docstrings under fields, the inherited ones first."""
    notes: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if issubclass(each, Struct) and each.__module__.startswith("ledger."):
            (tree,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(each))).body
            assert isinstance(tree, ast.ClassDef)
            for field, after in zip(tree.body, tree.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
                    assert isinstance(field.target, ast.Name)
                    notes[field.target.id] = re.sub(r"\s+", " ", str(ast.literal_eval(after.value))).rstrip(".")
    return notes


def _legs_line(legs: tuple[Leg, ...]) -> str:
    if not legs:
        return "No legs.\n"
    told = (f"{'+' if leg.sign > 0 else '-'}{leg.account}{_of(leg)} `{leg.amount}`" for leg in legs)
    return f"Legs: {', '.join(told)}.\n"


def _of(leg: Leg) -> str:
    starred = "*" if leg.account in _BY_CONTRACT else ""
    return starred if leg.party == "contract_id" else f"{starred} of `{leg.party}`"


if __name__ == "__main__":
    sys.stdout.write(page())
