"""Ids of payment files and of the payments in them: ISO 20022 takes 35 characters, and each says where it belongs."""

import re
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["release", "refund"]
MAX_RUN: Final = 99
MAX_PART: Final = 999
FILE_ID_PATTERN: Final = r"^[RF][0-9]{8}\.[1-9][0-9]?\.[1-9][0-9]{0,2}\.[a-z2-7]{10}$"
_LETTERS: Final[dict[Kind, str]] = {"release": "R", "refund": "F"}
_FILE: Final = re.compile(
    r"(?P<letter>[RF])(?P<on>[0-9]{8})\.(?P<run>[1-9][0-9]?)\.(?P<part>[1-9][0-9]{0,2})\.(?P<mark>[a-z2-7]{10})"
)
_PAYMENT: Final = re.compile(r"(?P<file>.+)\.(?P<number>[1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class FileId:
    """One payment file: `R20260831.1.1.k3v…` is the first part of the first release run of that day there."""

    kind: Kind
    on: date
    run: int
    part: int
    mark: str
    """Ten characters of a hash of the institution's id."""

    def __str__(self) -> str:
        return f"{self.of_run}{self.part}.{self.mark}"

    @property
    def of_run(self) -> str:
        """What every part of the run begins with."""
        return f"{_LETTERS[self.kind]}{self.on:%Y%m%d}.{self.run}."

    @property
    def key(self) -> str:
        """What the keys of its commands begin with; clients' keys do not begin with a dot."""
        return f".{self}."

    def payment_id(self, number: int) -> str:
        """The id of its payment at that place, from 1: the end-to-end id that the bank gives back."""
        return f"{self}.{number}"

    def parts(self) -> Iterator["FileId"]:
        """The files of its run, from the first on."""
        return (replace(self, part=part) for part in range(1, MAX_PART + 1))


def mark_of(institution_id: str) -> str:
    """What stands for an institution in an id."""
    return b32encode(sha256(institution_id.encode()).digest())[:10].decode().lower()


def file_id(kind: Kind, institution_id: str, on: date, run: int = 1) -> FileId:
    """The first file of a run."""
    return FileId(kind, on, run, 1, mark_of(institution_id))


def read_file_id(text: str) -> FileId | None:
    """The id of a payment file, None where the text is none."""
    found = _FILE.fullmatch(text)
    if found is None:
        return None
    try:
        on = date(int(found["on"][:4]), int(found["on"][4:6]), int(found["on"][6:]))
    except ValueError:
        return None
    kind: Kind = "release" if found["letter"] == "R" else "refund"
    return FileId(kind, on, int(found["run"]), int(found["part"]), found["mark"])


def read_payment_id(text: str) -> tuple[FileId, int] | None:
    """File and place of a payment, None where the text is no such id."""
    found = _PAYMENT.fullmatch(text)
    of_file = None if found is None else read_file_id(found["file"])
    return None if found is None or of_file is None else (of_file, int(found["number"]))
