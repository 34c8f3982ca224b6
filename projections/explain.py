"""Why a balance is what it is: down to events, bank serials and documents that sum up to it exactly."""

from msgspec import Struct

from ledger.orders import Source
from ledger.postings import ACCOUNTS, movements
from ledger.serialization import Recorded
from ledger.store.tables import events
from projections.answers import NOW, Answer, Moment
from projections.balance_sums import sums_by_topic, topics_on
from projections.fund_history import log_of, log_page
from projections.log import known
from projections.reading import Reader, Reading

REFERENCES = (
    "deposit_id",
    "reversal_id",
    "account_id",
    "value_on",
    "bank_serial",
    "release_id",
    "refund_id",
    "instruction_id",
    "lesson_id",
    "case_id",
    "deduction_id",
    "order_no",
    "evidence",
)
"""Fields of an event that lead to a bank's line, a document or another record."""

_ASSETS = {account.name for account in ACCOUNTS if account.asset}


class UnknownAccount(LookupError):
    """The chart of accounts has no such account."""


class Part(Struct, frozen=True):
    """What all events of one kind did to the account."""

    topic: str
    events: int
    amount_fen: int


class Explanation(Struct, frozen=True):
    """A balance and its parts, which sum up to it."""

    institution_id: str
    contract_id: str | None
    account: str
    balance_fen: int
    parts: list[Part]


class ExplainedLine(Struct, frozen=True):
    """What one event did to the account, who said so, and where the proof is."""

    position: int
    version: int
    topic: str
    effective_at: int
    recorded_at: int
    amount_fen: int
    contract_id: str | None
    references: dict[str, str]
    source: Source | None
    """The file it came from, and the line in it."""
    command: str
    command_id: str
    actor: str
    rules: str
    signed: bool
    hash: str


def explain_balance(
    reader: Reader, institution_id: str, account: str, moment: Moment = NOW, *, contract_id: str | None = None
) -> Answer[Explanation]:
    """The balance of an account, by kind of event.

    One sum over the events of the institution; of a contract, over its own. Raises UnknownAccount.
    """
    _check(account)
    with reader.open_log(moment, institution_id) as reading:
        if contract_id is None:
            where = (events.c.originator_id == institution_id,)
            parts = [Part(*row) for row in reading.log.execute(known(sums_by_topic(account, *where), reading))]
        else:
            parts = _parts_of_contract(reading, institution_id, contract_id, account)
        balance_fen = sum(part.amount_fen for part in parts)
        return reading.answer(Explanation(institution_id, contract_id, account, balance_fen, parts))


def list_explained_lines(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    institution_id: str,
    account: str,
    moment: Moment = NOW,
    *,
    contract_id: str | None = None,
    topic: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[ExplainedLine]]:
    """The events behind a balance, in order; over all pages their amounts sum up to it.

    An index range of events. A page may hold fewer lines than `limit`: events that left the account alone are passed
    over. Raises UnknownAccount, MalformedCursor.
    """
    _check(account)
    topics = [topic] if topic is not None else topics_on(account)
    query = log_of(institution_id, contract_id).where(events.c.topic.in_(topics))
    with reader.open_log(moment, institution_id) as reading:
        found, more = log_page(reading, query, after, limit)
        lines = [_line(one, amount_on(one, account, contract_id)) for one in found]
        return reading.answer([line for line in lines if line.amount_fen], next=more)


def amount_on(one: Recorded, account: str, contract_id: str | None = None) -> int:
    """What an event added to an account (of one contract, where one is named), fen."""
    sign = 1 if account in _ASSETS else -1
    return sum(
        sign * leg.debit_fen
        for leg in movements(one.event)
        if leg.account == account and contract_id in (None, leg.contract_id)
    )


def _check(account: str) -> None:
    if account not in {each.name for each in ACCOUNTS}:
        raise UnknownAccount(account)


def _parts_of_contract(reading: Reading, institution_id: str, contract_id: str, account: str) -> list[Part]:
    sums: dict[str, tuple[int, int]] = {}
    after: str | None = None
    query = log_of(institution_id, contract_id).where(events.c.topic.in_(topics_on(account)))
    while True:
        found, after = log_page(reading, query, after, 1000)
        for one in found:
            if amount_fen := amount_on(one, account, contract_id):
                count, fen = sums.get(one.topic, (0, 0))
                sums[one.topic] = (count + 1, fen + amount_fen)
        if after is None:
            return [Part(topic, *sums[topic]) for topic in sorted(sums)]


def _line(one: Recorded, amount_fen: int) -> ExplainedLine:
    envelope = one.envelope
    references = {name: getattr(one.event, name, None) for name in REFERENCES}
    return ExplainedLine(
        position=one.position,
        version=one.version,
        topic=one.topic,
        effective_at=one.event.effective_at,
        recorded_at=envelope.recorded_at,
        amount_fen=amount_fen,
        contract_id=getattr(one.event, "contract_id", None),
        references={name: str(value) for name, value in references.items() if value is not None},
        source=envelope.source,
        command=envelope.command,
        command_id=envelope.command_id,
        actor=envelope.actor,
        rules=envelope.rules,
        signed=bool(envelope.signature),
        hash=one.hash,
    )
