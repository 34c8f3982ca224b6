"""Proofs made from the stored bytes: of an event, of a directory entry, of one family's sealed figure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

from msgspec import Struct, json
from sqlalchemy import Connection, Engine, select

from ledger.commands import SealDay, SealedStatements
from ledger.escrow import Escrow
from ledger.events import ContractRegistered, DaySealed, DepositReceived
from ledger.evolution import evolve
from ledger.log.blocks import Blocks
from ledger.log.checkpoints import parse_checkpoint, with_signatures
from ledger.log.entries import directory_entry, entry_of
from ledger.log.merkle import (
    consistency_path,
    inclusion_path,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from ledger.log.notes import parse_note
from ledger.log.openings import PAGE, contracts, deposits_began, sheets_between
from ledger.log.proofs import Proof
from ledger.log.records import Raw, one_moment, raw_events, reading
from ledger.log.seals import (
    contract_line,
    deposit_line,
    holds_or_owes,
    nonce_of,
    payable_of_deposits,
    statement_lines,
    tree_root,
)
from ledger.log.tables import checkpoints, cosignatures, directory
from ledger.serialization import decode
from ledger.sheets import Contract, Deposit, Header, Refund
from ledger.store.tables import events as stored
from ledger.store.tables import headers


class NotYetSigned(LookupError):
    """There is no checkpoint that covers this yet."""


class NotSealed(LookupError):
    """No seal of that day carries the statement."""


class StatementProof(Struct, frozen=True, kw_only=True):
    """One family's figure under a sealed day, to check offline: its line, the seal's event, and both paths."""

    line: str
    index: int
    size: int
    path: tuple[str, ...]
    """Hashes from the sibling of the line to the sealed root, lower-case hex."""
    topic: str
    state: str
    """The stored event that sealed the day."""
    proof: str
    """The .tlog-proof of that event."""

    def encode(self) -> bytes:
        """The text of a .statement-proof file: JSON."""
        return json.format(json.encode(self), indent=2) + b"\n"


def prove_event(engine: Engine, institution_id: str, version: int) -> str:
    """The .tlog-proof of one event under the newest checkpoint of its log. Raises NotYetSigned, StoreUnavailable."""
    with reading(engine) as connection:
        return _prove_event(connection, institution_id, version)


def prove_events(engine: Engine, institution_id: str, versions: Sequence[int]) -> list[str]:
    """The .tlog-proof of each event under the newest checkpoint, with one look at the log; NotYetSigned, as above."""
    if not versions:
        return []
    with reading(engine) as connection:
        return _prove_events(connection, institution_id, versions)


def _prove_event(connection: Connection, institution_id: str, version: int) -> str:
    (proof,) = _prove_events(connection, institution_id, [version])
    return proof


def _prove_events(connection: Connection, institution_id: str, versions: Sequence[int]) -> list[str]:
    c, version = checkpoints.c, max(versions)
    query = select(c.size, c.root, c.note).where(c.institution_id == institution_id, c.size >= version)
    row = connection.execute(query.order_by(c.size.desc()).limit(1)).first()
    if row is None:
        raise NotYetSigned(f"{institution_id}/{version}")
    size, root, note = row
    blocks = Blocks(connection.engine, institution_id, size, partial(_event_leaves, connection, institution_id))
    signed, signed_root = cosigned(connection, note), bytes.fromhex(root)
    return [Proof(each - 1, _checked_path(blocks, size, each - 1, signed_root), signed).encode() for each in versions]


def _checked_path(blocks: Blocks, size: int, index: int, root: bytes) -> tuple[bytes, ...]:
    """The path to the signed root; from the stored bytes alone where kept roots do not lead there."""
    path = inclusion_path(size, index, blocks.root_between)
    if not verify_inclusion(blocks.leaf(index), index, size, path, root):
        blocks.forget()
        path = inclusion_path(size, index, blocks.root_between)
    return tuple(path)


def _event_leaves(connection: Connection, institution_id: str, low: int, high: int) -> list[bytes]:
    events = raw_events(connection, institution_id, high, after=low)
    return [leaf_hash(entry_of(each.topic, each.state)) for each in events]


def prove_checkpoint(engine: Engine, institution_id: str, size: int) -> str:
    """The .tlog-proof that a checkpoint of an institution stands in the directory: its entry names size and root."""
    with reading(engine) as connection:
        c = checkpoints.c
        found = select(c.number).where(c.institution_id == institution_id, c.size == size)
        number = connection.scalar(found)
        d = directory.c
        newest = connection.execute(select(d.size, d.root, d.note).order_by(d.size.desc()).limit(1)).first()
        if number is None or newest is None:
            raise NotYetSigned(f"{institution_id} at {size}")
        top, root, note = newest
        path = _checked_path(_directory(connection, top), top, number - 1, bytes.fromhex(root))
        return Proof(number - 1, path, cosigned(connection, note)).encode()


def _directory(connection: Connection, size: int) -> Blocks:
    return Blocks(connection.engine, "", size, partial(directory_leaves, connection))


def directory_leaves(connection: Connection, low: int, high: int) -> list[bytes]:
    """Leaf hashes of the directory from index `low` to before `high`."""
    c = checkpoints.c
    query = select(c.institution_id, c.size, c.root).where(c.number > low, c.number <= high).order_by(c.number)
    return [
        leaf_hash(directory_entry(institution_id, size, bytes.fromhex(root)))
        for institution_id, size, root in connection.execute(query)
    ]


def prove_growth(engine: Engine, old_size: int, size: int) -> list[bytes]:
    """That the directory of `size` entries continues that of `old_size`: what a witness asks for."""
    with reading(engine) as connection:
        blocks, d = _directory(connection, size), directory.c
        proof = consistency_path(size, old_size, blocks.root_between)
        rows = connection.execute(select(d.size, d.root).where(d.size.in_([old_size, size])))
        roots = {at: bytes.fromhex(root) for at, root in rows}
        if len(roots) > 1 and not verify_consistency(old_size, size, roots[old_size], roots[size], proof):
            blocks.forget()
            proof = consistency_path(size, old_size, blocks.root_between)
        return proof


def cosigned(connection: Connection, note: str) -> str:
    """A stored checkpoint with the cosignatures that are stored for it."""
    checkpoint = parse_checkpoint(parse_note(note).text)
    c = cosignatures.c
    query = select(c.line).where(c.origin == checkpoint.origin, c.size == checkpoint.size)
    return with_signatures(note, connection.scalars(query.order_by(c.line)))


def _statements(institution_id: str, events: Iterable[Raw]) -> tuple[int, list[bytes]]:
    """The last version and the statement lines as of it."""
    escrow, nonces, version = Escrow(Header(institution_id=institution_id)), dict[str, str](), 0
    for raw in events:
        _, event = decode(raw.topic, raw.state)
        evolve(escrow, event)
        version = raw.version
        if isinstance(event, ContractRegistered):
            nonces[f"contract {event.contract_id}"] = nonce_of(raw.topic, raw.state)
        elif isinstance(event, DepositReceived):
            nonces[f"deposit {event.deposit_id}"] = nonce_of(raw.topic, raw.state)
    return version, statement_lines(escrow, nonces)


def sealing(engine: Engine, institution_id: str, business_on: date) -> SealDay:
    """The command that seals a day with the figures as of now; another posting in between makes it SealOutdated.

    Reads sheets in one snapshot, and by index the events that began what they are about: contracts, deposits and their
    refunds, however long the history. Raises StoreUnavailable, LookupError where there is no such stream.
    """
    with one_moment(engine) as connection:
        query = select(headers.c.version).where(headers.c.institution_id == institution_id)
        version = connection.scalar(query)
        if not version:
            raise LookupError(institution_id)
        lines = sorted(_stored_lines(connection, institution_id))
    sealed = SealedStatements(stream_version=version, statements=len(lines), root=tree_root(lines))
    return SealDay(business_on=business_on, sealed=sealed)


def _stored_lines(connection: Connection, institution_id: str) -> Iterator[bytes]:
    """The lines of the sheets as they stand, in any order."""
    for contract, began in contracts(connection, institution_id):
        assert isinstance(contract, Contract)
        yield contract_line(contract, nonce_of(began.topic, began.state.encode()))
    refunds = sheets_between(connection, institution_id, "refund:", "refund;")
    payable = payable_of_deposits(each for each in refunds if isinstance(each, Refund))
    waiting: list[Deposit] = []
    for deposit in sheets_between(connection, institution_id, "deposit:", "deposit;"):
        if isinstance(deposit, Deposit) and holds_or_owes(deposit, payable.get(deposit.deposit_id, 0)):
            waiting.append(deposit)
        if len(waiting) == PAGE:
            yield from _deposit_lines(connection, institution_id, waiting, payable)
            waiting = []
    yield from _deposit_lines(connection, institution_id, waiting, payable)


def _deposit_lines(
    connection: Connection, institution_id: str, deposits: Sequence[Deposit], payable: Mapping[str, int]
) -> Iterator[bytes]:
    began = deposits_began(connection, institution_id, (each.deposit_id for each in deposits))
    for each in deposits:
        topic, state = began[each.deposit_id]
        yield deposit_line(each, payable.get(each.deposit_id, 0), nonce_of(topic, state.encode()))


def prove_statement(engine: Engine, institution_id: str, key: str, business_on: date | None = None) -> StatementProof:
    """One family's figure under the seal of a day (the newest unless one is given).

    `key` is `contract <id>` or `deposit <id>`.

    Raises NotSealed, NotYetSigned, StoreUnavailable.
    """
    with reading(engine) as connection:
        raw, seal = _seal_of(connection, institution_id, business_on)
        _, lines = _statements(institution_id, raw_events(connection, institution_id, seal.stream_version))
        index = _place(lines, key)
        return StatementProof(
            line=lines[index].decode(),
            index=index,
            size=len(lines),
            path=tuple(each.hex() for each in inclusion_proof([leaf_hash(line) for line in lines], index)),
            topic=raw.topic,
            state=raw.state.decode(),
            proof=_prove_event(connection, institution_id, raw.version),
        )


def _seal_of(connection: Connection, institution_id: str, business_on: date | None) -> tuple[Raw, DaySealed]:
    """The seal of a day, the newest where None, that carries everybody's statement."""
    c = stored.c
    query = select(c.originator_version, c.topic, c.state, c.hash).where(c.originator_id == institution_id)
    query = query.where(c.topic.startswith("day_sealed.")).order_by(c.originator_version.desc())
    for version, topic, state, hash_ in connection.execute(query):
        raw = Raw(version, topic, state.encode(), hash_)
        _, event = decode(raw.topic, raw.state)
        if isinstance(event, DaySealed) and business_on in {None, event.business_on} and event.statements_root:
            return raw, event
    raise NotSealed(f"{institution_id} on {business_on}" if business_on else institution_id)


def _place(lines: Sequence[bytes], key: str) -> int:
    prefix = f"{key} ".encode()
    for index, line in enumerate(lines):
        if line.startswith(prefix):
            return index
    raise NotSealed(key)
