"""The rest of the independent account: settlements, changed contracts, the end of contracts and of the school."""

from ledger import rejections as no
from tests.properties.purses import Family, Refused, half_up
from tests.properties.questions import Books


class Account(Books):
    """Everything that may be asked."""

    def register(self, name: str, price: int, paid_hours: int, gift_hours: int) -> Refused:
        if self.closing:
            return no.EscrowIsClosing
        if name in self.families:
            return no.ContractAlreadyRegistered
        self.families[name] = Family(price, paid_hours, gift_hours)
        return None

    def amend(self, name: str, price: int, paid_hours: int) -> Refused:
        family = self.families[name]
        if self.closing:
            return no.EscrowIsClosing
        if family.ended:
            return no.ContractHasEnded
        if family.busy(self.claims, name):
            return no.RefundAlreadyOpen
        hours = paid_hours + family.gift_hours
        empty = hours == family.used and price != family.used_fen
        if hours < family.used + family.claimed or price < max(family.paid, family.used_fen) or empty:
            return no.AmendmentBelowConsumed
        family.new_era()
        family.price, family.paid_hours = price, paid_hours
        return None

    def move(self, giver_name: str, taker_name: str, hours: int) -> Refused:  # noqa: PLR0911 - one per rule
        if self.closing:
            return no.EscrowIsClosing
        if giver_name == taker_name:
            return no.SameContract
        giver, taker = self.families[giver_name], self.families[taker_name]
        if giver.ended or taker.ended:
            return no.ContractHasEnded
        for name, family in ((giver_name, giver), (taker_name, taker)):
            if family.busy(self.claims, name):
                return no.RefundAlreadyOpen
            if family.purse != family.price - family.used_fen:
                return no.ContractNotPaid
        if hours > min(giver.hours - giver.used - giver.claimed, giver.paid_hours):
            return no.NotEnoughHours
        fen = giver.price - half_up(giver.worth(giver.hours - hours))
        for family, sign in ((giver, -1), (taker, 1)):
            family.new_era()
            family.price += sign * fen
            family.paid += sign * fen
            family.purse += sign * fen
            family.paid_hours += sign * hours
        return None

    def end(self, name: str) -> Refused:
        family = self.families[name]
        if family.ended:
            return no.ContractHasEnded
        if self.promised(name) or family.claimed or family.contested or family.current:
            return no.ContractNotFinished
        if family.purse and (not family.given_back or family.due()):
            return no.ContractNotFinished
        self.leave_the_rest(family)
        family.ended = True
        return None

    # -- mediation

    def _promised_already(self, name: str) -> bool:
        family = self.families[name]
        current = self.claims.get(family.current)
        agreed = current is not None and current.state == "agreed"
        return agreed or (family.settled is not None and bool(self.promised(name)))

    def mediate(self, name: str, case: str) -> Refused:
        family = self.families[name]
        if family.ended and family.paid <= family.given_back:
            return no.ContractHasEnded
        if family.case:
            return no.CaseAlreadyOpen
        if self._promised_already(name):
            return no.RefundAlreadyOpen
        family.case = case
        return None

    def settle_case(self, name: str, parts: list[int]) -> Refused:
        family = self.families[name]
        if family.ended and family.paid <= family.given_back:
            return no.ContractHasEnded
        if self._promised_already(name):
            return no.RefundAlreadyOpen
        if sum(parts) > family.paid - family.given_back:
            return no.RefundAbovePaid
        if family.current:
            self.claims[family.current].state = "superseded"
        case, family.case, family.current = family.case, "", ""
        family.settled, family.breached = sum(parts), False
        family.parts = [f"{case}.{number}" for number in range(1, len(parts) + 1)]
        for part, fen in zip(family.parts, parts, strict=True):
            self.promise(name, part, fen, part_of=case)
        return None

    def break_settlement(self, name: str) -> Refused:
        """Its date has passed. The formula is open again; what was promised stays promised."""
        family = self.families[name]
        if family.breached or all(self.claims[part].state == "done" for part in family.parts):
            return no.CaseNotInState
        family.settled, family.breached = None, True
        if family.current in family.parts:
            family.current = ""
        return None

    # -- the end of the school

    def freeze(self) -> Refused:
        if self.frozen:
            return no.EscrowIsFrozen
        self.frozen = True
        return None

    def thaw(self) -> Refused:
        if not self.frozen:
            return no.EscrowNotFrozen
        self.frozen = False
        return None

    def stop(self) -> Refused:
        if self.closing:
            return no.EscrowIsClosing
        self.closing = True
        return None

    def order_closing_refund(self, name: str, claim_id: str) -> Refused:
        family = self.families[name]
        if not self.closing:
            return no.EscrowNotClosing
        if family.ended:
            return no.ContractHasEnded
        if family.current:
            return no.RefundAlreadyOpen
        if not family.due():
            return no.NothingDue
        self.promise(name, claim_id, family.due())
        return None

    def share_out(self, pot: int) -> dict[str, tuple[int, int]]:
        """What one open claim of each family gets of a pot: rounded down, so that the pot is never exceeded."""
        owed: dict[str, int] = {}
        names: set[str] = set()
        for claim_id, claim in sorted(self.claims.items()):
            if claim.state == "agreed" and claim.contract is not None and claim.contract not in names:
                names.add(claim.contract)
                before = claim.sent + claim.paid
                allowed = 0 if claim.allowed is None else max(0, claim.allowed - before)
                owed[claim_id] = max(0, claim.open - allowed)
        total = sum(owed.values())
        shares = {each: (fen, min(fen, pot * fen // total) if total else 0) for each, fen in owed.items()}
        for claim_id, (_, share) in shares.items():
            claim = self.claims[claim_id]
            before = claim.sent + claim.paid if claim.allowed is None else claim.allowed
            claim.allowed = before + share
        return shares
