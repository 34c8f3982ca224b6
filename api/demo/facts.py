"""What the demo tells of a closure and of a bank day; amounts in fen, files by their names in the folder."""

from datetime import date

from msgspec import Struct

from api.closing.sharing import ShareList

LISTED = 6
"""So many shares are told one by one; the file of the payments has them all."""


class Share(Struct, frozen=True):
    """One family's share."""

    contract_id: str
    due_fen: int
    share_fen: int

    @property
    def left_fen(self) -> int:
        """What stays due."""
        return self.due_fen - self.share_fen


class Shares(Struct, frozen=True):
    """A pot that was shared."""

    distribution_id: str
    method: str
    cut_off_on: date
    families: int
    due_fen: int
    pot_fen: int
    shared_fen: int
    remainder_fen: int
    """What whole fen of the pro rata shares left over: a fen each to so many families, the largest remainders first."""
    left_fen: int
    """What stays due."""
    list_sha256: str
    lines: tuple[Share, ...]
    """The first of each size."""


class Closed(Struct):
    """An institution that ran away: closed, and what was left shared."""

    institution_id: str = ""
    name: str = ""
    stopped_on: date | None = None
    ordered: int = 0
    ordered_fen: int = 0
    pack: str = ""
    pack_sha256: str = ""
    pack_due_fen: int = 0
    distribution: Shares | None = None
    paid_fen: int = 0
    payments: list[str] = []
    statuses: list[str] = []
    approvals: list[str] = []
    """Of the closure and of the distribution: proposed by one officer, approved by another."""


def shares_of(name: str, shared: ShareList) -> Shares:
    """What a distribution came to."""
    pot_fen, due_fen = min(shared.pot_fen, shared.due_fen), shared.due_fen
    sizes: dict[tuple[int, int], Share] = {}
    for line in shared.lines:
        share = Share(line.contract_id, line.due_fen, line.share_fen)
        sizes.setdefault((line.due_fen, line.share_fen), share)
    return Shares(
        distribution_id=name,
        method=shared.method,
        cut_off_on=shared.cut_off_on,
        families=len(shared.lines),
        due_fen=due_fen,
        pot_fen=shared.pot_fen,
        shared_fen=shared.shared_fen,
        remainder_fen=pot_fen - sum(line.due_fen * pot_fen // due_fen for line in shared.lines),
        left_fen=due_fen - shared.shared_fen,
        list_sha256=shared.list_sha256,
        lines=tuple(sorted(sizes.values(), key=lambda each: (-each.due_fen, -each.share_fen))[:LISTED]),
    )


class SentFile(Struct, frozen=True):
    """A file on disk."""

    institution_id: str
    kind: str
    """`release`, `refund`, `status` or `statement`."""
    name: str
    sha256: str
    lines: int
    amount_fen: int


class Answered(Struct, frozen=True):
    """What the bank said became of an institution's payments."""

    institution_id: str
    settled: int
    settled_fen: int
    returned: int
    returned_fen: int


class Imported(Struct, frozen=True):
    """A statement that was previewed and committed."""

    institution_id: str
    file: str
    format: str
    lines: int
    opening_fen: int
    closing_fen: int
    became: dict[str, int]


class Compared(Struct, frozen=True):
    """Bank and ledger of one institution."""

    institution_id: str
    bank_fen: int
    custody_fen: int
    in_transit_fen: int
    drift_fen: int
    unexplained_fen: int


class Broken(Struct, frozen=True):
    """A break at the end of the day."""

    institution_id: str
    cause: str
    owner: str
    signed_fen: int
    drift_fen: int
    alarming: bool
    state: str
    note: str
    resolution: str


class Back(Struct, frozen=True):
    """A refund whose payment came back."""

    institution_id: str
    refund_id: str
    amount_fen: int


class Ended(Struct, frozen=True):
    """A day that was sealed."""

    institution_id: str
    statements: int
    balances_root: str
    statements_root: str


class BankDay(Struct):
    """One bank day of some institutions, and its end for all of them."""

    on: date
    files: list[SentFile] = []
    by_account: int = 0
    """Families whom a payment file names by the account that paid: the vault knows it."""
    by_reference: int = 0
    """Families whom it names by a reference, which the bank resolves."""
    answered: list[Answered] = []
    imported: list[Imported] = []
    compared: list[Compared] = []
    breaks: list[Broken] = []
    refunds_back: list[Back] = []
    """Refunds whose payment came back: open again."""
    ended: list[Ended] = []
    sealed: int = 0
    """Institutions whose day was sealed; the rest was closed before."""
    findings: dict[str, int] = {}
    """Kind → institutions where the end of the day found it."""
    alarms: list[str] = []
    """Institutions with breaks that nobody can explain."""
