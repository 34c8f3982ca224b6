"""Getting the directory cosigned: what to ask a witness, and keeping what it answers."""

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from ledger.log.checkpoints import cosigned_at, parse_checkpoint, with_signatures
from ledger.log.growth import Growth
from ledger.log.keys import PublicKey
from ledger.log.notes import NotSigned, parse_note, parse_signature
from ledger.log.proving import NotYetSigned, prove_growth
from ledger.log.records import reading
from ledger.log.tables import cosignatures, directory


class WitnessAhead(LookupError):
    """The witness cosigned more entries than there are: the ledger was put back to an earlier moment."""

    def __init__(self, saw: int, here: int) -> None:
        super().__init__(f"the witness saw {saw} entries, {here} are here: was a backup restored?")
        self.saw = saw
        self.here = here


def growth(engine: Engine, witness: PublicKey, old_size: int | None = None) -> Growth:
    """What to send to a witness: the newest checkpoint of the directory and its proof.

    `old_size` is what the witness says it saw last; its last stored cosignature where that is not known.
    Raises NotYetSigned, StoreUnavailable; WitnessAhead where the witness saw more than there is.
    """
    with reading(engine) as connection:
        newest = connection.execute(
            select(directory.c.size, directory.c.note).order_by(directory.c.size.desc()).limit(1)
        ).first()
        if newest is None:
            raise NotYetSigned("the directory")
        size, note = newest
        if old_size is None:
            c = cosignatures.c
            ours = select(func.max(c.size)).where(
                c.origin == parse_checkpoint(parse_note(note).text).origin, c.line.startswith(f"— {witness.name} ")
            )
            old_size = connection.scalar(ours) or 0
    if old_size > size:
        raise WitnessAhead(old_size, size)
    return Growth(old_size, tuple(prove_growth(engine, old_size, size)), note)


def keep_cosignature(engine: Engine, asked: Growth, answer: str, witness: PublicKey) -> int:
    """Store what the witness answered, once it verified; when it signed (POSIX seconds).

    Raises NotSigned where no line is a cosignature of this witness, MalformedNote, StoreUnavailable.
    """
    lines = [parse_signature(line).line().strip() for line in answer.splitlines() if line]
    mine = [line for line in lines if line.startswith(f"— {witness.name} ")]
    at = cosigned_at(parse_note(with_signatures(asked.note, mine)), witness)
    if at is None:
        raise NotSigned(f"{witness.name} did not cosign")
    head = parse_checkpoint(parse_note(asked.note).text)
    for line in mine:
        try:
            with engine.begin() as connection:
                connection.execute(insert(cosignatures).values(origin=head.origin, size=head.size, line=line))
        except IntegrityError:  # kept already
            continue
    return at
