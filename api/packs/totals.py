"""The sums of a resolution pack: what is due, covered and missing, who must pay, and by when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from projections.institution import Institution
from projections.overview import Standing
from projections.resolution import FamilyClaim

SUMS = ("due_fen", "paid_back_fen", "in_transit_fen", "open_fen", "covered_fen", "missing_fen")


@dataclass(slots=True)
class Totals:
    """Sums over claims in fen, taken in one by one."""

    contracts: int = 0
    debts: int = 0
    undetermined: int = 0
    overdue: int = 0
    overdue_fen: int = 0
    contract_fen: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("paid_fen", "consumed_fen", "released_fen", "asserted_fen"), 0)
    )
    debt_fen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMS, 0))
    payers: dict[str, list[int]] = field(default_factory=dict)
    """Who must pay → debts, open, covered, missing."""
    clocks: dict[date, list[int]] = field(default_factory=dict)
    """Last day → debts, open."""
    rule_sets: set[str] = field(default_factory=set)

    def take(self, claim: FamilyClaim, on: date) -> None:
        """Add a contract, or a deposit tied to none."""
        contract = claim.contract
        if contract is not None:
            self.contracts += 1
            for name in self.contract_fen:
                self.contract_fen[name] += getattr(contract, name)
        for debt in claim.debts:
            if debt.due is None:
                continue
            due = debt.due
            self.debts += 1
            self.undetermined += due.open_fen is None
            amounts = (due.due_fen, due.paid_fen, due.in_transit_fen, due.open_fen, due.covered_fen, due.missing_fen)
            for name, fen in zip(SUMS, amounts, strict=True):
                self.debt_fen[name] += fen or 0
            payer = self.payers.setdefault(due.payer or "undetermined", [0, 0, 0, 0])
            for place, fen in enumerate((1, due.open_fen, due.covered_fen, due.missing_fen)):
                payer[place] += fen or 0
            if due.pay_by is not None:
                clock = self.clocks.setdefault(due.pay_by, [0, 0])
                clock[0] += 1
                clock[1] += due.open_fen or 0
                if due.pay_by < on:
                    self.overdue += 1
                    self.overdue_fen += due.open_fen or 0
            if due.rules:
                self.rule_sets.add(due.rules)

    def document(self, on: date) -> dict[str, Any]:
        """The sums as JSON."""
        return {
            "on": on.isoformat(),
            "contracts": self.contracts,
            "debts": self.debts,
            "undetermined": self.undetermined,
            "overdue": self.overdue,
            "overdue_fen": self.overdue_fen,
            "of_contracts": self.contract_fen,
            "of_debts": self.debt_fen,
            "payers": {name: dict(zip(_PAYER, held, strict=True)) for name, held in sorted(self.payers.items())},
            "clocks": {
                day.isoformat(): dict(zip(_CLOCK, held, strict=True)) for day, held in sorted(self.clocks.items())
            },
        }

    def summary(self, institution: Institution, standing: Standing, on: date) -> Iterator[tuple[Any, ...]]:
        """The rows of the summary sheet: item, value, amount in fen."""
        stopped = institution.stopped_on
        yield "机构 institution", f"{institution.institution_id} {institution.name}", None
        yield "统一社会信用代码 USCC", institution.uscc, None
        yield "区 district", institution.district, None
        yield "存管银行 custodian", institution.custodian, None
        yield "状态 status", institution.status, None
        yield "停业 closure", institution.closure or "", None
        yield "停止授课 stopped on", "" if stopped is None else stopped.isoformat(), None
        yield "清偿顺序 order of payment", institution.priority_regime, None
        yield "合同 contracts", str(self.contracts), None
        yield "应退笔数 debts", str(self.debts), None
        yield "待查 undetermined", str(self.undetermined), None
        yield f"逾期 overdue on {on}", str(self.overdue), self.overdue_fen
        names = ("应退 due", "已退 paid back", "在途 in transit", "未付 open", "存管可付 covered", "缺口 missing")
        for name, fen in zip(names, self.debt_fen.values(), strict=True):
            yield name, "", fen
        yield "存管余额 in custody", "", standing.custody_fen
        yield "被冻结划扣 attached", "", standing.attached_fen
        yield "可支付 payable", "", standing.payable_fen
        yield "欠家庭总额 owed to families", "", standing.owed_fen
        yield "全部存管资金仍不足 shortfall beyond all custody", "", standing.shortfall_fen
        yield "覆盖率 coverage", standing.coverage or "", None


_PAYER = ("debts", "open_fen", "covered_fen", "missing_fen")
_CLOCK = ("debts", "open_fen")
