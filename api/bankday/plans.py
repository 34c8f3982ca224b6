"""What a run is going to ask of the ledger: the payments of its next file, their orders, and what does not go."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

from api.bankday.numbers import FileId
from api.bankday.payments import MAX_REFERENCE, Payment, PaymentFile, Withheld
from api.bankday.stored import StoredEscrow
from api.bankfiles.posting import Poster
from ledger import rejections as no
from ledger.decisions.context import instant, local_date
from ledger.orders import Order, Source
from ledger.sheets import Profile

END: Final = ".end"
"""What the key of the last command of a run ends with: so its end stands in the log."""
PART: Final = 5_000
"""Payments in one file, which is recorded in one transaction: as a whole or not at all."""
_BEIJING: Final = timezone(timedelta(hours=8))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ask:
    """Who runs what: the run's first file, by whom, at which instant."""

    first: FileId
    poster: Poster
    now: int
    """The clock, µs: business time of what is recorded, also in a run for a day that is over.

    What a late run pays may have been earned, agreed or returned since; dated back it would have gone before it was
    there.
    """
    part: int = PART

    def as_of(self, stored: StoredEscrow) -> "Ask":
        """The same, not before anything that stands in the log it is planned on."""
        return replace(self, now=max(self.now, stored.header.recorded_at))


@dataclass(frozen=True, slots=True)
class Plan:
    """The next file of a run. Without payments there is no file to record."""

    file: PaymentFile
    orders: Callable[[Source], list[Order]]
    """The orders that record it, with the hash of the file as their source."""
    withheld: tuple[Withheld, ...]
    last: bool
    """Whether nothing is left for a file after it."""


def check_day(on: date, now: int) -> None:
    """Raises DateInFuture for a day that has not come at this instant, µs."""
    today = local_date(now)
    if on > today:
        raise no.DateInFuture("date", on, today)


def last_instant(on: date) -> int:
    """The last µs of a business day."""
    return instant(datetime.combine(on + timedelta(days=1), time(), _BEIJING)) - 1


def moment_of(at: int) -> datetime:
    """An instant in µs as commands take it."""
    return _EPOCH + timedelta(microseconds=at)


def file_of(ask: Ask, file_id: FileId, stored: StoredEscrow, payments: tuple[Payment, ...]) -> PaymentFile:
    """The file with these payments, as the institution and its account are now."""
    header = stored.header
    (profile,) = stored.find_all(Profile, [[header.institution_id]])
    assert profile is not None, "every escrow has its profile"
    return PaymentFile(
        file_id=file_id,
        institution_id=header.institution_id,
        name=profile.name,
        uscc=profile.uscc,
        custodian=header.custodian,
        account_id=header.account_id,
        at=ask.now,
        payments=payments,
    )


def unroutable(stored: StoredEscrow, payee_ref: str) -> str:
    """Why no file can carry a payment to this payee; empty where one can.

    Whether the payee's account is known makes no difference: the run must come to the same without the vault.
    """
    if len(stored.header.account_id) > MAX_REFERENCE:
        return "account_too_long"
    return "payee_too_long" if len(payee_ref) > MAX_REFERENCE else ""


def check_unsealed(ask: Ask, stored: StoredEscrow) -> None:
    """Raises DayIsSealed: a sealed day takes no more instructions."""
    sealed_on = stored.header.sealed_on
    if sealed_on is not None and ask.first.on <= sealed_on:
        raise no.DayIsSealed(ask.first.on, sealed_on)
