"""A rule set: the parameters in force for one place, category and date, with typed access for decisions."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal, TypeAlias, cast

import msgspec

from ledger.hours import CENTIHOURS_PER_HOUR
from ledger.rulebook.parameters import Parameter, Period
from ledger.workdays import Unit

ReleaseMode: TypeAlias = Literal["per_lesson", "weekly", "monthly", "milestone", "whole_order"]
MediationStage: TypeAlias = Literal["pre_filing", "in_suit_ordinary", "in_suit_summary"]


class CoolingOff(msgspec.Struct, frozen=True):
    """A right to withdraw without giving a reason."""

    window: Period
    pay: Period | None
    """Time to pay from the request; None where the text sets none."""
    requires_unredeemed: bool
    applies: bool | None
    """None where it is not known whether the rule covers this category: then it binds nobody."""
    rule: Parameter


@dataclass(frozen=True, eq=False)
class RuleSet:
    """Rules in force together since `in_force_from`; `id` is stored in events and loads them again for ever."""

    id: str
    jurisdiction: str
    category: str
    in_force_from: date
    revision: int
    parameters: dict[str, Parameter]

    def get(self, key: str) -> Parameter | None:
        """The row of this key, also when its content is unknown; None where no row exists."""
        return self.parameters.get(key)

    def known(self, key: str) -> Parameter | None:
        """The row of this key if its content is known, else None."""
        row = self.parameters.get(key)
        return None if row is None or row.unknown else row

    def period(self, key: str) -> Period | None:
        """A length of time with the unit of its rule; None where unknown."""
        row = self.known(key)
        return None if row is None else Period(cast("int", row.value), cast("Unit", row.unit))

    def flag(self, key: str) -> bool | None:
        """A yes-or-no rule; None where unknown."""
        row = self.known(key)
        return None if row is None else row.value is True

    def whole(self, key: str) -> int | None:
        """A whole number in the unit of its rule; None where unknown."""
        row = self.known(key)
        return None if row is None else cast("int", row.value)

    def text(self, key: str) -> str | None:
        """A word of the rule's own vocabulary; None where unknown."""
        row = self.known(key)
        return None if row is None else cast("str", row.value)

    # -- caps and collection (教监管函〔2021〕2号, 教监管〔2022〕4号 and local rules)

    @cached_property
    def cap_span(self) -> Period | None:
        """Longest time one payment may cover: 3 months; 90 days for culture and arts in Beijing."""
        return self.period("cap.span")

    @cached_property
    def cap_centihours(self) -> int | None:
        """Most class hours one payment may cover, in hundredths."""
        return self._centihours("cap.units")

    @cached_property
    def cap_per_subject(self) -> bool:
        """Whether hours are capped per subject (academic) and not per child and institution."""
        return self.flag("cap.units_per_subject") is True

    @cached_property
    def cap_amount_fen(self) -> int | None:
        """Most money one payment may be; None for academic training, where no such cap was found."""
        return self.whole("cap.amount")

    @cached_property
    def within_lease(self) -> bool:
        """Whether fees may not cover time after the lease of the premises."""
        return self.flag("collection.within_lease") is True

    @cached_property
    def within_semester(self) -> bool:
        """Whether fees may not cover time after the semester of the course."""
        return self.flag("cap.within_semester") is True

    @cached_property
    def earliest_collection(self) -> Period | None:
        """How long before the start money may be taken at the earliest."""
        return self.period("collection.earliest")

    @cached_property
    def earliest_centihours_left(self) -> int | None:
        """By hours: a renewal may be paid when at most so many hundredths of an hour are left."""
        return self._centihours("collection.units_left")

    # -- class consumption, releases, custody

    @cached_property
    def confirm_window(self) -> Period | None:
        """Time after which silence may confirm a lesson; None where it is not known: then silence means nothing."""
        return self.period("confirm.window")

    @cached_property
    def confirm_default(self) -> bool | None:
        """Whether silence confirms a lesson at all; None where it is not known."""
        return self.flag("confirm.default")

    @cached_property
    def dispute_freezes(self) -> Literal["lesson", "order"]:
        """What a dispute or refund request keeps from being released."""
        return "order" if self.text("dispute.freezes") == "order" else "lesson"

    @cached_property
    def release_modes(self) -> tuple[ReleaseMode, ...]:
        """Rhythms of release the institution may choose from; none where the rule is not known."""
        row = self.known("release.mode")
        return cast("tuple[ReleaseMode, ...]", row.value) if row else ()

    @property
    def release_mode(self) -> ReleaseMode | None:
        """The first rhythm the rule names; None where it is not known: then nothing is released."""
        return self.release_modes[0] if self.release_modes else None

    @cached_property
    def release_delay(self) -> Period | None:
        """Time that must pass between the end of teaching and the release."""
        return self.period("release.delay")

    @cached_property
    def stock_milestones(self) -> tuple[int, ...]:
        """Percent released as each equal part of the lessons is signed in, for money collected before the rule."""
        row = self.known("release.stock_milestones")
        return cast("tuple[int, ...]", row.value) if row else ()

    @cached_property
    def minimum_balance_fen(self) -> int | None:
        """What must stay in the custody account whatever is released; None where no rule sets it or it is not known."""
        return self.whole("custody.minimum_balance")

    # -- refunds

    @cached_property
    def refund_default(self) -> Period | None:
        """Time to pay where nothing else is agreed or ruled: 15 days from the request (SAIC Order 73 art. 10)."""
        return self.period("refund.default")

    @cached_property
    def institution_reply(self) -> Period | None:
        """Time for the institution to answer a refund request."""
        return self.period("refund.institution_reply")

    @cached_property
    def silence_agrees(self) -> bool:
        """Whether an institution that does not answer in time has agreed to the refund."""
        return self.text("refund.institution_silence") == "agreed"

    @cached_property
    def cooling_off(self) -> CoolingOff | None:
        """The no-reason withdrawal of this rule set, if it has one."""
        window, rule = self.period("cooling_off.window"), self.known("cooling_off.window")
        if window is None or rule is None:
            return None
        unredeemed = self.flag("cooling_off.requires_unredeemed") is not False
        return CoolingOff(window, self.period("cooling_off.pay"), unredeemed, self.flag("cooling_off.applies"), rule)

    # -- mediation and closure

    def mediation_window(self, stage: MediationStage) -> Period | None:
        """Time for mediation, from the day the mediator signs for the file; both sides may lengthen it."""
        return self.period(f"mediation.{stage}")

    @cached_property
    def judicial_confirmation(self) -> Period | None:
        """Time to ask the court, together, to confirm an agreement, from the day it takes effect."""
        return self.period("confirmation.apply_within")

    def priority(self, *, licensed: bool) -> tuple[str, ...]:
        """Order of payment in a closure: a licensed school pays families first, a company by the Bankruptcy Law."""
        row = self.known("priority.licensed_school" if licensed else "priority.company")
        return cast("tuple[str, ...]", row.value) if row else ()

    def _centihours(self, key: str) -> int | None:
        hours = self.whole(key)
        return None if hours is None else hours * CENTIHOURS_PER_HOUR
