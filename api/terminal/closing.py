"""`ledger close`: the end of an institution, proposed by one officer and approved by another."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import TypeAdapter, ValidationError

from api.closing.closure import Closure, Declaration, Kind, Ordered, declare_command
from api.closing.forecast import forecast
from api.closing.officer import Officer
from api.terminal.environment import FINDING, OK, USAGE, Stop
from api.terminal.officers import DEAD, ApproveId, As, Propose, show_proposed, signed_in
from api.terminal.output import Column, Show, err, out, print_json, print_table
from api.terminal.packs import write_pack
from api.terminal.questions import asking, today
from ledger.commands import Text
from ledger.money import format_yuan

SHOW = Show()
_ORDER_NO: TypeAdapter[str] = TypeAdapter(Text)


def close(  # noqa: PLR0913 - each is an option
    institution: str,
    /,
    *,
    cause: Annotated[Kind | None, Parameter(help="orderly, or abnormal: it ran away")] = None,
    reason: Annotated[str, Parameter(help="In words")] = "",
    date_: Annotated[date | None, Parameter(name="--date", help="The last day of teaching; today if left out")] = None,
    order_no: Annotated[
        str | None, Parameter(help="Number of the order that freezes releases; an abnormal closure is approved with it")
    ] = None,
    as_: As = None,
    propose: Propose = False,
    approve: ApproveId = None,
    dry_run: Annotated[bool, Parameter(negative="", help="What it would come to; records nothing")] = False,
    output: Annotated[Path | None, Parameter(help="Where the resolution pack goes")] = None,
    show: Show = SHOW,
) -> int:
    """Close an institution: declared by two, releases frozen, every contract made due, resolution pack written.

    Without --propose or --approve a closure that is declared goes on where it stopped. 1 where something is left over.
    """
    if dry_run:
        return _forecast(institution, date_ or today(), show)
    with signed_in(as_) as desk:
        if propose:
            if order_no is not None:
                raise Stop("文号由批准人填写 --order-no belongs to --approve: who approves orders the freeze", USAGE)
            if cause is None:
                raise Stop("缺少 --cause orderly|abnormal is needed", USAGE)
            declaration = Declaration(cause, date_ or today(), reason or cause)
            return show_proposed(desk.propose(institution, declare_command(declaration)), show)
        desk.require(institution)
        closure = Closure(desk.runtime.ledger, Officer(institution, desk.mandate.subject))
        proposal = None if approve is None else desk.look(approve, institution, "declare_closure")
        proposed = None if proposal is None or proposal.state in DEAD else proposal.body["kind"]
        number = _order_no(order_no) if closure.must_freeze(proposed) else None
        if proposal is not None:
            desk.approve(proposal)
        if number is not None:
            closure.freeze(number)
        outcome = closure.order()
        _tell(outcome, show)
        path = output or Path(f"resolution-{institution}-{today()}.zip")
        write_pack(desk.runtime.reader, institution, path, show)
    return FINDING if outcome.undetermined or outcome.refused else OK


def _order_no(text: str | None) -> str:
    """The number of the order that freezes, asked for before anything is approved. Raises Stop."""
    try:
        return _ORDER_NO.validate_python(text)
    except ValidationError:
        raise Stop("缺少冻结文号 --order-no NUMBER is needed: that of the order that freezes releases", USAGE) from None


def _forecast(institution: str, stopped_on: date, show: Show) -> int:
    with asking() as question:
        question.require(institution)
        found = forecast(question.models, institution, stopped_on, today())
    facts = {name: getattr(found, name) for name in found.__slots__} | {"missing_fen": found.missing_fen}
    if show.json:
        print_json(facts)
    else:
        print_table([Column("项 item"), Column("值 value", right=True)], [
            (name.replace("_fen", " 元 yuan"), format_yuan(value) if name.endswith("_fen") else f"{value:,}")
            for name, value in facts.items()
        ])  # fmt: skip
    return OK


def _tell(outcome: Ordered, show: Show) -> None:
    if show.json:
        print_json({
            "frozen": outcome.frozen, "refunds": outcome.refunds, "amount_fen": outcome.amount_fen,
            "undetermined": [{"contract_id": each.contract_id, "code": each.code} for each in outcome.undetermined],
            "refused": [{"id": name, "code": refusal.code} for name, refusal in outcome.refused],
        })  # fmt: skip
        return
    for each in outcome.undetermined:
        err().print(f"待查 undetermined: {each.contract_id}: {each.code}", markup=False)
    for name, refusal in outcome.refused:
        err().print(f"未下达 refused: {name}: {refusal.code}", markup=False)
    if not show.quiet:
        out().print(f"应退 ordered {outcome.refunds:,} · {format_yuan(outcome.amount_fen)} 元 yuan", markup=False)
