"""Running a distribution: previewed, ordered by two, its list approved in chunks, completed; safe to stop and go on.

Nothing is kept beside the ledger: whoever goes on computes the list again from what is recorded. While a list is being
approved nothing that is owed changes, so it is the same list; where it is not, nothing more is approved.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from api.closing.officer import Officer
from api.closing.pots import AskedPot, available_fen, whole_pot_fen
from api.closing.sharing import Claims, Lines, ShareList, Waiting, claims_of, list_hash
from api.problems import Problem
from ledger import commands as c
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.distribution import DistributionMethod, Pot
from ledger.rejections import EscrowNotClosing
from ledger.sheets import Distribution, Header
from projections.families import find_distribution, header_of, list_families
from projections.reader import ReadModels
from projections.runner import Runner

Watch = Callable[[int, int], None]
"""Told how many shares of how many are approved."""
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What a distribution would be now."""

    institution_id: str
    version: int
    """Of the institution's stream; the same version gives the same lists."""
    priority_regime: str
    available_fen: int
    pots: list[AskedPot]
    lists: list[ShareList]
    """One for each pot, in order."""
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Terms:
    """How a pot is to be shared."""

    method: DistributionMethod
    pots: Sequence[AskedPot]
    cut_off_on: date


class Distributing:
    """Distributes the money of one institution."""

    def __init__(self, ledger: Ledger, institution_id: str) -> None:
        self._ledger = ledger
        self._institution_id = institution_id
        self._runner = Runner(ledger.engine)
        self._models = ReadModels(ledger.engine)

    def preview(self, terms: Terms) -> Preview:
        """Who would get what, from each pot in the order given. Records nothing. Raises EscrowNotClosing."""
        self._runner.take_in()
        header, claims = self._read(terms.cut_off_on)
        if header.closure is None:
            raise EscrowNotClosing
        pots = [Pot(each.name, _amount_fen(each, header)) for each in terms.pots]
        lists = claims.share(terms.method, pots, terms.cut_off_on)
        return Preview(
            institution_id=self._institution_id,
            version=header.version,
            priority_regime=header.priority_regime,
            available_fen=available_fen(header),
            pots=list(terms.pots),
            lists=lists,
            waiting=claims.waiting,
        )

    def approve(
        self,
        officer: Officer,
        distribution_id: str,
        watch: Watch = lambda _done, _all: None,
        chunk: int = CHUNK,
    ) -> ShareList:
        """Approve the rest of an ordered list and complete it.

        Raises Problem: distribution_list_changed where what is recorded gives another list than the ordered one.
        """
        self._runner.take_in()
        ordered, shares = self._recomputed(distribution_id)
        done = ordered.approved
        while done < len(shares.lines):
            for answer in officer.submit_series(self._ledger, _approvals(distribution_id, shares.lines, done, chunk)):
                if not isinstance(answer, Receipt):
                    raise answer
                done = min(done + chunk, len(shares.lines))
                watch(done, len(shares.lines))
        officer.submit(self._ledger, c.CompleteDistribution(distribution_id=distribution_id))
        return shares

    def find(self, distribution_id: str = "") -> Distribution | None:
        """A distribution as it stands; the last one ordered where none is named."""
        self._runner.take_in()
        with self._models.open_log() as reading:
            wanted = distribution_id or header_of(reading, self._institution_id).distribution_id
            return find_distribution(reading, self._institution_id, wanted) if wanted else None

    def running(self) -> Distribution | None:
        """The distribution whose list is being approved."""
        found = self.find()
        return found if found is not None and found.running else None

    def _read(self, cut_off_on: date) -> tuple[Header, Claims]:
        with self._models.open() as reading:
            header = header_of(reading, self._institution_id)
            return header, claims_of(list_families(reading, self._institution_id), cut_off_on)

    def _recomputed(self, distribution_id: str) -> tuple[Distribution, ShareList]:
        """The ordered list, computed again; what was approved of it must be its beginning."""
        with self._models.open() as reading:
            ordered = find_distribution(reading, self._institution_id, distribution_id)
            if ordered is None or not ordered.running or ordered.cut_off_on is None:
                raise Problem("distribution_unknown", {"distribution_id": distribution_id})
            claims = claims_of(list_families(reading, self._institution_id), ordered.cut_off_on)
        (shares,) = claims.share(ordered.method, [Pot("pot", ordered.pot_fen)], ordered.cut_off_on)
        if shares.list_sha256 != ordered.list_sha256 or ordered.chain != list_hash(
            islice(shares.lines, ordered.approved)
        ):
            raise Problem("distribution_list_changed", {"distribution_id": distribution_id})
        return ordered, shares


def _approvals(distribution_id: str, lines: Lines, start: int, chunk: int) -> Iterator[c.ApproveShares]:
    for at in range(start, len(lines), chunk):
        shares = [
            c.ShareLine(contract_id=line.contract_id, refund_id=line.refund_id, share_fen=line.share_fen)
            for line in lines[at : at + chunk]
        ]
        yield c.ApproveShares(distribution_id=distribution_id, shares=shares)


def order_of(shares: ShareList, pot: AskedPot, distribution_id: str, approved_by: str | None) -> c.OrderDistribution:
    """The order of a list; two persons stand for it."""
    return c.OrderDistribution(
        distribution_id=distribution_id,
        method=shares.method,
        pot=pot.name,
        pot_fen=shares.pot_fen,
        due_fen=shares.due_fen,
        families=len(shares.lines),
        cut_off_on=shares.cut_off_on,
        list_sha256=shares.list_sha256,
        approved_by=approved_by,
    )


def _amount_fen(pot: AskedPot, header: Header) -> int:
    if pot.amount_fen is not None:
        return pot.amount_fen
    return {"custody": whole_pot_fen(header), "risk_deposit": header.risk_deposit_fen, "other": 0}[pot.name]
