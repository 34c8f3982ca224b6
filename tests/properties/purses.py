"""An independent account of one school: purses of families, what the school earned and owes, and the bank's cash.

Written from the rules, not from the ledger: plain numbers that are moved by hand, no legs, no events, no sheets. Each
question answers with the rule that must refuse it, or None after it has moved the money itself.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from ledger import rejections as no
from ledger.rejections import Rejection

Refused = type[Rejection] | None


def half_up(value: Fraction) -> int:
    return int(value + Fraction(1, 2)) if value > 0 else 0


@dataclass
class Lesson:
    hours: int
    state: str = "claimed"
    counts: bool = False
    fen: int = 0
    held: int = 0
    era: int = 0
    decided: bool = False


@dataclass
class Claim:
    """A refund: asked for, refused, agreed (then some of it open, on its way, paid), done or gone."""

    contract: str | None
    state: str = "asked"
    open: int = 0
    paid: int = 0
    allowed: int | None = None
    on_way: dict[str, int] = field(default_factory=dict)
    part_of: str = ""

    @property
    def sent(self) -> int:
        return sum(self.on_way.values())


@dataclass
class Family:
    """One contract: what it costs, what was paid, and whose the money is now."""

    price: int
    paid_hours: int
    gift_hours: int
    paid: int = 0
    purse: int = 0
    earned: int = 0
    owed: int = 0
    used_fen: int = 0
    given_back: int = 0
    kept: int = 0
    era: int = 0
    era_hours: int = 0
    era_fen: int = 0
    current: str = ""
    case: str = ""
    settled: int | None = None
    parts: list[str] = field(default_factory=list)
    breached: bool = False
    ended: bool = False
    lessons: dict[str, Lesson] = field(default_factory=dict)

    @property
    def hours(self) -> int:
        return self.paid_hours + self.gift_hours

    @property
    def used(self) -> int:
        return sum(lesson.hours for lesson in self.lessons.values() if lesson.counts)

    @property
    def claimed(self) -> int:
        return sum(x.hours for x in self.lessons.values() if not x.counts and x.state != "gone")

    @property
    def contested(self) -> int:
        return sum(lesson.state == "contested" for lesson in self.lessons.values())

    @property
    def held(self) -> int:
        return sum(lesson.held for lesson in self.lessons.values())

    def worth(self, hours: int) -> Fraction:
        """Exact value of the first hours, each at the price of its era."""
        left = self.hours - self.era_hours
        if not left:
            return Fraction(self.era_fen)
        return self.era_fen + Fraction(self.price - self.era_fen) * (hours - self.era_hours) / left

    def new_era(self) -> None:
        self.era, self.era_hours, self.era_fen = self.era + 1, self.used, self.used_fen

    def due(self) -> int:
        """Under the school's cause, beyond what was given back."""
        if self.settled is not None:
            return max(0, min(self.settled, self.paid) - self.given_back)
        return max(0, self.paid - self.kept - self.used_fen - self.given_back)

    def busy(self, claims: dict[str, Claim], name: str) -> bool:
        """Asked for, or agreed and neither sent nor paid."""
        return bool(self.current) or any(c.open for c in claims.values() if c.contract == name)


@dataclass
class School:
    """The families, the claims, the bank's cash and what is on its way."""

    cash: int = 0
    loose: int = 0
    loose_owed: int = 0
    frozen: bool = False
    closing: bool = False
    families: dict[str, Family] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    deposits: dict[str, dict[str, object]] = field(default_factory=dict)
    releases: dict[tuple[str, str], list[object]] = field(default_factory=dict)

    # -- sums

    @property
    def releasing(self) -> int:
        return sum(int(str(fen)) for fen, state in self.releases.values() if state == "sent")

    @property
    def refunding(self) -> int:
        return sum(claim.sent for claim in self.claims.values())

    def promised(self, name: str | None) -> int:
        return sum(claim.open for claim in self.claims.values() if claim.contract == name)

    @property
    def families_own(self) -> int:
        purses = sum(family.purse for family in self.families.values())
        return self.loose + purses + sum(claim.open for claim in self.claims.values())

    @property
    def payable(self) -> int:
        return max(0, self.cash - self.releasing - self.refunding)

    @property
    def reserved(self) -> int:
        """What is in custody and somebody's already: earlier shares, and refunds tied to no contract."""
        agreed = [claim for claim in self.claims.values() if claim.state == "agreed"]
        shares = sum(
            max(0, min(each.open, each.allowed - each.sent - each.paid)) for each in agreed if each.allowed is not None
        )
        return shares + sum(each.open for each in agreed if each.allowed is None and each.contract is None)

    @property
    def distributable(self) -> int:
        """What a new distribution may give away."""
        return max(0, self.payable - self.loose - self.reserved)

    # -- agreement and its ends

    def promise(self, name: str, claim_id: str, fen: int, *, unclaimed: int = 0, part_of: str = "") -> None:
        """From the purse, then from what the school earned and nobody contests, then the school owes it."""
        family = self.families[name]
        from_purse = min(fen, family.purse)
        from_earned = min(fen - from_purse, max(0, family.earned - family.held))
        family.purse -= from_purse
        family.earned -= from_earned
        family.owed += fen - from_purse - from_earned
        family.given_back += fen
        self.claims.setdefault(claim_id, Claim(name))
        claim = self.claims[claim_id]
        claim.state, claim.open, claim.part_of, family.current = "agreed", fen, part_of, claim_id
        self.finish(claim_id)
        if not part_of:
            self.leave_the_rest(family, unclaimed)

    def leave_the_rest(self, family: Family, unclaimed: int = 0) -> None:
        """What no claim is left for is the school's, unless a lesson is still open."""
        if not family.contested and not family.claimed:
            rest = max(0, family.purse - unclaimed)
            family.earned, family.purse = family.earned + rest, family.purse - rest

    def finish(self, claim_id: str) -> None:
        """A claim of which nothing is open or on its way is done; with its last part a settlement is performed."""
        claim = self.claims[claim_id]
        if claim.state != "agreed" or claim.open or claim.sent:
            return
        claim.state = "done"
        if claim.contract is None:
            return
        family = self.families[claim.contract]
        if family.current == claim_id:
            family.current = ""
        performed = claim_id in family.parts and all(self.claims[part].state == "done" for part in family.parts)
        if performed and not family.breached:
            self.leave_the_rest(family)

    # -- the bank takes a deposit back

    def take_back(self, serial: str) -> Refused:
        deposit = self.deposits[serial]
        amount = int(str(deposit["amount"]))
        if deposit["gone"]:
            return no.DepositAlreadyReversed
        if self.cash < amount:
            return no.CustodyShort
        self.cash -= amount
        deposit["gone"] = True
        applied = deposit["applied"]
        assert isinstance(applied, list)
        rest = amount - sum(fen for _, fen in applied)
        loose = int(str(deposit["loose"]))
        self.loose -= loose
        deposit["loose"] = 0
        self.loose_owed += self._lower([str(deposit["refund"])], rest - loose)
        for name, fen in applied:
            family = self.families[name]
            family.paid -= fen
            from_purse = min(fen, family.purse)
            family.purse -= from_purse
            ids = list(dict.fromkeys([family.current, *reversed(family.parts)]))
            before = sum(self.claims[each].open for each in ids if each in self.claims)
            missing = self._lower(ids, fen - from_purse)
            family.given_back -= before - sum(self.claims[each].open for each in ids if each in self.claims)
            family.owed += missing
        return None

    def _lower(self, claim_ids: list[str], fen: int) -> int:
        """Agreed and unsent claims give way, first to last; what none of them carries is left."""
        for claim_id in claim_ids:
            claim = self.claims.get(claim_id)
            if claim is not None and claim.state == "agreed":
                lowered = min(fen, claim.open)
                claim.open -= lowered
                fen -= lowered
                self.finish(claim_id)
        return fen
