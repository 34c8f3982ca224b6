"""What may be asked of the independent account: each question is refused by a rule, or moves the money."""

from ledger import rejections as no
from tests.properties.purses import Claim, Family, Lesson, Refused, School, half_up


class Books(School):
    """Lessons, releases, refunds, settlements and changes of contracts."""

    # -- money in

    def pay(self, serial: str, fen: int, name: str | None) -> Refused:
        if serial in self.deposits:
            return no.DuplicateBankSerial
        self.cash += fen
        self.loose += fen
        self.deposits[serial] = {"amount": fen, "loose": fen, "applied": [], "gone": False, "refund": ""}
        if name is not None and name in self.families and not self.closing:
            family = self.families[name]
            if not family.ended and not family.busy(self.claims, name):
                self._apply(serial, name, max(0, min(fen, family.price - family.paid)))
        return None

    def _apply(self, serial: str, name: str, fen: int) -> None:
        deposit, family = self.deposits[serial], self.families[name]
        if fen:
            deposit["loose"] = int(str(deposit["loose"])) - fen
            deposit["applied"].append((name, fen))  # type: ignore[attr-defined] # a list of pairs
            self.loose -= fen
            family.paid += fen
            family.purse += fen

    def apply(self, serial: str, name: str, fen: int) -> Refused:
        family = self.families[name]
        if self.closing:
            return no.EscrowIsClosing
        if fen > int(str(self.deposits[serial]["loose"])):
            return no.DepositExceeded
        if family.ended:
            return no.ContractHasEnded
        if family.busy(self.claims, name):
            return no.RefundAlreadyOpen
        if fen > family.price - family.paid:
            return no.PriceExceeded
        self._apply(serial, name, fen)
        return None

    def give_back_loose(self, serial: str, claim_id: str) -> Refused:
        deposit = self.deposits[serial]
        fen = int(str(deposit["loose"]))
        if not fen:
            return no.DepositExceeded
        self.loose -= fen
        deposit["loose"], deposit["refund"] = 0, claim_id
        self.claims[claim_id] = Claim(None, "agreed", fen)
        return None

    def put_back(self, name: str | None, fen: int) -> Refused:
        owed = self.loose_owed if name is None else self.families[name].owed
        if fen > owed:
            return no.RepaymentExceedsReceivable
        self.cash += fen
        if name is None:
            self.loose_owed -= fen
        else:
            self.families[name].owed -= fen
        return None

    # -- lessons

    def teach(self, name: str, lesson_id: str, hours: int) -> Refused:
        family = self.families[name]
        if self.closing:
            return no.EscrowIsClosing
        if family.ended:
            return no.ContractHasEnded
        if family.busy(self.claims, name):
            return no.RefundAlreadyOpen
        if lesson_id in family.lessons:
            return no.LessonAlreadyClaimed
        if hours > family.hours - family.used - family.claimed:
            return no.NotEnoughHours
        family.lessons[lesson_id] = Lesson(hours)
        return None

    def confirm(self, name: str, lesson_id: str) -> Refused:
        family = self.families[name]
        if family.ended:
            return no.ContractHasEnded
        if family.lessons[lesson_id].state != "claimed":
            return no.LessonNotOpen
        return self._count(family, family.lessons[lesson_id])

    def _count(self, family: Family, lesson: Lesson) -> Refused:
        fen = half_up(family.worth(family.used + lesson.hours)) - family.used_fen
        if fen > family.purse:
            return no.LessonNotCovered
        family.purse -= fen
        family.earned += fen
        family.used_fen += fen
        lesson.state, lesson.counts, lesson.fen, lesson.era = "confirmed", True, fen, family.era
        return None

    def contest(self, name: str, lesson_id: str) -> Refused:
        family, lesson = self.families[name], self.families[name].lessons[lesson_id]
        if lesson.state not in {"claimed", "confirmed"} or lesson.decided:
            return no.LessonNotOpen
        lesson.held = min(lesson.fen, family.earned - family.held)
        lesson.state = "contested"
        return None

    def decide(self, name: str, lesson_id: str, *, counts: bool) -> Refused:
        family, lesson = self.families[name], self.families[name].lessons[lesson_id]
        if lesson.state != "contested":
            return no.LessonNotOpen
        if counts and not lesson.counts and (refused := self._count(family, lesson)):
            return refused
        if not counts:
            self._uncount(family, lesson)
        lesson.state, lesson.held, lesson.decided = "confirmed" if counts else "gone", 0, True
        return None

    def undo(self, name: str, lesson_id: str) -> Refused:
        lesson = self.families[name].lessons[lesson_id]
        if lesson.state not in {"claimed", "confirmed"}:
            return no.LessonNotOpen
        self._uncount(self.families[name], lesson)
        lesson.state = "gone"
        return None

    def _uncount(self, family: Family, lesson: Lesson) -> None:
        if not lesson.counts:
            return
        old = lesson.era < family.era
        left = family.used - lesson.hours
        own = min(lesson.fen, family.used_fen) if left else family.used_fen
        fen = own if old else family.used_fen - half_up(family.worth(left))
        from_earned = min(fen, family.earned - (family.held - lesson.held))
        family.earned -= from_earned
        family.owed += fen - from_earned
        family.purse += fen
        family.used_fen -= fen
        lesson.counts, family.ended = False, False
        if old:
            family.new_era()

    # -- releases

    def release(self, release_id: str, name: str, fen: int) -> Refused:
        family = self.families[name]
        if self.closing and self.families_own:
            return no.EscrowIsClosing
        if self.frozen:
            return no.EscrowIsFrozen
        asked = self.claims.get(family.current)
        reserved = max(0, family.due() - family.purse) if asked and asked.state in {"asked", "refused"} else 0
        if fen > max(0, max(0, family.earned - family.held - family.owed) - reserved):
            return no.ReleaseExceedsEarned
        if fen > max(0, self.payable - self.families_own):
            return no.CustodyShort
        family.earned -= fen
        self.releases[release_id, name] = [fen, "sent"]
        return None

    def release_answered(self, release_id: str, name: str, *, paid: bool) -> Refused:
        line = self.releases[release_id, name]
        fen = int(str(line[0]))
        if line[1] != "sent":
            return no.ReleaseLineUnknown
        if paid:
            if fen > self.cash:
                return no.CustodyShort
            self.cash -= fen
        else:
            self.families[name].earned += fen
        line[1] = "paid" if paid else "back"
        return None

    # -- refunds

    def ask(self, name: str, claim_id: str) -> Refused:
        family = self.families[name]
        if family.ended:
            return no.ContractHasEnded
        if claim_id in self.claims:
            return no.AlreadyRecorded
        if family.current:
            return no.RefundAlreadyOpen
        if family.case:
            return no.CaseAlreadyOpen
        if not family.due():
            return no.NothingDue
        self.claims[claim_id] = Claim(name)
        family.current = claim_id
        return None

    def agree(self, claim_id: str, claimed: int | None) -> Refused:
        claim = self.claims[claim_id]
        if claim.state not in {"asked", "refused"} or claim.contract is None:
            return no.RefundNotInState
        due = self.families[claim.contract].due()
        fen = due if claimed is None else min(due, claimed)
        if fen > max(0, self.families[claim.contract].paid - self.families[claim.contract].given_back):
            return no.RefundAbovePaid
        self.promise(claim.contract, claim_id, fen, unclaimed=due - fen)
        return None

    def order(self, name: str, claim_id: str) -> Refused:
        family, claim = self.families[name], self.claims.get(claim_id)
        if family.ended:
            return no.ContractHasEnded
        if family.current and family.current != claim_id:
            return no.RefundAlreadyOpen
        if claim is not None and (claim.contract != name or claim.state not in {"asked", "refused"}):
            return no.RefundNotInState
        if not family.due():
            return no.NothingDue
        self.promise(name, claim_id, family.due())
        return None

    def turn(self, claim_id: str, state: str, *states: str, late: bool = False) -> Refused:
        """Refuse or withdraw a request; who was silent too long may refuse none."""
        claim = self.claims[claim_id]
        if claim.state not in states:
            return no.RefundNotInState
        if late:
            return no.ReplyWindowOver
        claim.state = state
        if state == "gone" and claim.contract is not None:
            self.families[claim.contract].current = ""
        return None

    def send(self, claim_id: str, order_id: str, fen: int) -> Refused:
        claim = self.claims[claim_id]
        if claim.state != "agreed":
            return no.RefundNotInState
        covered = claim.open
        if claim.allowed is not None:
            covered = max(0, min(claim.open, claim.allowed - claim.sent - claim.paid))
        elif claim.contract is not None:
            if self.closing and self.families_own > self.payable:
                return no.DistributionRequired
            covered = max(0, min(claim.open, self.promised(claim.contract) - self.families[claim.contract].owed))
        if fen > claim.open:
            return no.InstructionExceedsRefund
        if fen > min(covered, self.payable):
            return no.CustodyShort
        claim.open -= fen
        claim.on_way[order_id] = fen
        return None

    def sent_answered(self, claim_id: str, order_id: str, *, paid: bool) -> Refused:
        claim = self.claims[claim_id]
        if claim.state != "agreed":
            return no.RefundNotInState
        if order_id not in claim.on_way:
            return no.InstructionUnknown
        fen = claim.on_way[order_id]
        if paid and fen > self.cash:
            return no.CustodyShort
        del claim.on_way[order_id]
        if paid:
            self.cash -= fen
            claim.paid += fen
            self.finish(claim_id)
        else:
            claim.open += fen
        return None

    def cash_got(self, name: str, claim_id: str | None, fen: int) -> Refused:
        family = self.families[name]
        if claim_id is None:
            if fen > family.purse:
                return no.AcknowledgementExceedsDue
            family.purse -= fen
            family.given_back += fen
        else:
            claim = self.claims[claim_id]
            if claim.state != "agreed":
                return no.RefundNotInState
            if fen > claim.open:
                return no.AcknowledgementExceedsDue
            claim.open -= fen
        family.earned += fen
        if claim_id is not None:
            self.finish(claim_id)
        return None

    def keep(self, name: str, fen: int) -> Refused:
        family = self.families[name]
        claim = self.claims.get(family.current)
        if family.ended:
            return no.ContractHasEnded
        if not family.case and (claim is None or claim.state not in {"asked", "refused"}):
            return no.DeductionWithoutRefund
        if fen > family.purse:
            return no.DeductionExceedsHeld
        family.purse -= fen
        family.earned += fen
        family.kept += fen
        return None
