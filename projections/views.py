"""The read models that are views of the fold: which rows come from which sheet."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Table

from ledger.escrow import Escrow
from ledger.identifiers import SheetKey
from ledger.sheets import BankLine, BankStatement, Break, Case, Contract, Deposit, Lesson, Profile, Refund
from projections.contract_statement import contract_rows, contract_statement
from projections.database import Row
from projections.deadlines import case_deadlines, deadline_table, lesson_deadlines, refund_deadlines
from projections.institution import institution, institution_rows
from projections.mediation_cases import case_rows, mediation_case
from projections.reconciliation import (
    bank_line,
    bank_line_rows,
    bank_statement,
    break_rows,
    reconciliation_break,
    statement_rows,
)
from projections.refunds_due import contract_due_rows, deposit_due_rows, refund_due, refund_rows

View = Callable[[Escrow, Any], Iterable[Row]]
"""Rows of one sheet of an escrow. Pure: the same fold gives the same rows, whenever it is asked."""


class Model(NamedTuple):
    """One read model: its table, the column that names the sheet of a row, and a view for each kind of sheet."""

    table: Table
    owner: str
    views: dict[str, View]
    by_sheet: bool = False
    """Whether a row depends on its sheet alone: while that stays as it is, so does the row."""

    def owner_of(self, key: SheetKey) -> str:
        """What stands in the owner column of the rows of a sheet: its key, or the id in it."""
        return key if self.owner == "subject" else key.partition(":")[2]


MODELS = (
    Model(institution, "institution_id", {Profile.kind: institution_rows}),
    Model(contract_statement, "contract_id", {Contract.kind: contract_rows}, by_sheet=True),
    Model(
        refund_due,
        "subject",
        {Refund.kind: refund_rows, Contract.kind: contract_due_rows, Deposit.kind: deposit_due_rows},
    ),
    Model(
        deadline_table,
        "subject",
        {Lesson.kind: lesson_deadlines, Refund.kind: refund_deadlines, Case.kind: case_deadlines},
    ),
    Model(mediation_case, "case_id", {Case.kind: case_rows}),
    Model(bank_statement, "statement_id", {BankStatement.kind: statement_rows}),
    Model(bank_line, "line_key", {BankLine.kind: bank_line_rows}),
    Model(reconciliation_break, "break_id", {Break.kind: break_rows}),
)
"""Everything that is folded. What is a sum is in `escrow_balance`; what is only read is in the log itself."""
