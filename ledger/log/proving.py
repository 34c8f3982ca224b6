"""Proofs made from the stored bytes: of an event, of a directory entry, of one family's sealed figure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

from msgspec import Struct, json
from sqlalchemy import Connection, Engine, select, text

from ledger.commands import SealDay, SealedStatements
from ledger.escrow import Escrow
from ledger.events import ContractRegistered, DaySealed, DepositReceived
from ledger.evolution import evolve
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
from ledger.log.nodes import Tree
from ledger.log.notes import parse_note
from ledger.log.openings import PAGE, SEALED, SEALED_ON, contracts, deposits_began, quoted, sheets_between
from ledger.log.proofs import Proof
from ledger.log.records import Raw, one_moment, raw_events, reading
from ledger.log.sealed import SealedLine, find_line, keep_lines, key_of
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
    tree = Tree(connection, institution_id, size, partial(event_leaves, connection, institution_id))
    signed, signed_root = cosigned(connection, note), bytes.fromhex(root)
    return [Proof(each - 1, _checked_path(tree, size, each - 1, signed_root), signed).encode() for each in versions]


def _checked_path(tree: Tree, size: int, index: int, root: bytes) -> tuple[bytes, ...]:
    """The path to the signed root; from the stored bytes alone where stored nodes do not lead there."""
    path = inclusion_path(size, index, tree.root_between)
    if not verify_inclusion(tree.leaf(index), index, size, path, root):
        tree.forget()
        path = inclusion_path(size, index, tree.root_between)
    return tuple(path)


def event_leaves(connection: Connection, institution_id: str, low: int, high: int) -> list[bytes]:
    """Leaf hashes of an institution's log from index `low` to before `high`."""
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


def _directory(connection: Connection, size: int) -> Tree:
    return Tree(connection, "", size, partial(directory_leaves, connection))


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
        tree, d = _directory(connection, size), directory.c
        proof = consistency_path(size, old_size, tree.root_between)
        rows = connection.execute(select(d.size, d.root).where(d.size.in_([old_size, size])))
        roots = {at: bytes.fromhex(root) for at, root in rows}
        if len(roots) > 1 and not verify_consistency(old_size, size, roots[old_size], roots[size], proof):
            tree.forget()
            proof = consistency_path(size, old_size, tree.root_between)
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
    refunds, however long the history. Keeps the lines, so that families get their proofs from them.

    Raises StoreUnavailable, LookupError where there is no such stream.
    """
    with one_moment(engine) as connection:
        query = select(headers.c.version).where(headers.c.institution_id == institution_id)
        version = connection.scalar(query)
        if not version:
            raise LookupError(institution_id)
        lines = sorted(_stored_lines(connection, institution_id))
    sealed = SealedStatements(stream_version=version, statements=len(lines), root=tree_root(lines))
    keep_lines(engine, institution_id, version, lines)
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
        size, root = seal.statements or 0, seal.statements_root or ""
        try:
            found = find_line(connection, institution_id, seal.stream_version, size, root, key)
        except KeyError:
            raise NotSealed(key) from None
        found = found or _folded_line(connection, institution_id, seal.stream_version, key)
        return StatementProof(
            line=found.line.decode(),
            index=found.index,
            size=size,
            path=tuple(each.hex() for each in found.path),
            topic=raw.topic,
            state=raw.state.decode(),
            proof=_prove_event(connection, institution_id, raw.version),
        )


def _seal_of(connection: Connection, institution_id: str, business_on: date | None) -> tuple[Raw, DaySealed]:
    """The seal of a day, the newest where None, that carries everybody's statement."""
    day = SEALED_ON[connection.dialect.name]
    query = text(
        "select originator_version, topic, state, hash from events where originator_id = :institution_id"  # noqa: S608 - names of ours
        f" and topic in ({quoted(SEALED)}) and {day} between :low and :high order by {day} desc limit 1"
    )
    low, high = ("", "9999-12-31") if business_on is None else (str(business_on), str(business_on))
    while row := connection.execute(query, {"institution_id": institution_id, "low": low, "high": high}).first():
        raw = Raw(row[0], row[1], row[2].encode(), row[3])
        _, event = decode(raw.topic, raw.state)
        assert isinstance(event, DaySealed)
        if event.statements_root:
            return raw, event
        high = str(event.business_on - timedelta(days=1))
    raise NotSealed(f"{institution_id} on {business_on}" if business_on else institution_id)


def _folded_line(connection: Connection, institution_id: str, version: int, key: str) -> SealedLine:
    """The line as the stream tells it: for seals whose lines were not kept, or were changed."""
    _, lines = _statements(institution_id, raw_events(connection, institution_id, version))
    for index, line in enumerate(lines):
        if key_of(line) == key:
            return SealedLine(line, index, tuple(inclusion_proof([leaf_hash(each) for each in lines], index)))
    raise NotSealed(key)
