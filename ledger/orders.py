"""A command on its way in: who asks, for which institution, under which key."""

from dataclasses import dataclass

from msgspec import Struct

from ledger.commands import Command
from ledger.identifiers import Role


class Source(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The document a command came from: hash of the file and the line in it."""

    sha256: str
    line: int = 0
    last: int = 0
    """Its last line, where the command is about several; which event is of which line, the events of the bank's lines
    say."""


@dataclass(frozen=True, slots=True)
class Order:
    """One command with its envelope. `command_id` is the idempotency key within the institution, kept for ever."""

    institution_id: str
    command_id: str
    command: Command
    actor: str
    role: Role
    correlation_id: str = ""
    causation_id: str = ""
    source: Source | None = None
    signature: str = ""
    """The request signature of the poster, where there is one (kept as the bank's word)."""
    guardian_id: str | None = None
    """Whom a guardian's order is for: only this guardian's contracts exist for it. None where nobody limits it."""
    approved_by: str = ""
    """The second person, where one confirmed what was asked."""
    expected_version: int | None = None
    """Stream version the caller decided from; another version is refused."""
