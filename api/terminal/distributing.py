"""`ledger distribute`: a short pot shared among families, proposed by one officer and approved by another."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from cyclopts import Parameter

from api.approvals.approval import Approval
from api.bankfiles.amounts import read_amount
from api.closing.distribution import Distributing, Preview, Terms, order_of
from api.closing.officer import Officer
from api.closing.pots import AskedPot, MalformedPot, parse_pot
from api.closing.preview import preview_document
from api.closing.security import draw_security
from api.terminal.environment import FINDING, OK, USAGE, Stop
from api.terminal.officers import ApproveId, As, Desk, Propose, show_proposed, signed_in
from api.terminal.output import Column, Show, err, out, print_json, print_table, progress
from api.terminal.questions import asking, today
from ledger import commands as c
from ledger.distribution import DistributionMethod
from ledger.money import format_yuan
from ledger.sheets import Distribution

SHOW = Show()


def distribute(  # noqa: PLR0911, PLR0913 - each is an option, and some are acts of their own
    institution: str,
    /,
    *,
    pot: Annotated[
        list[str] | None, Parameter(help="NAME=YUAN or NAME=all, in order: custody, risk_deposit, other")
    ] = None,
    method: Annotated[DistributionMethod, Parameter(help="pool, or trace: each contract's own money first")] = "pool",
    cut_off: Annotated[date | None, Parameter(help="Claims verified until this day share; today if left out")] = None,
    as_: As = None,
    propose: Propose = False,
    approve: ApproveId = None,
    resume: Annotated[bool, Parameter(negative="", help="Go on with an ordered list that was not completed")] = False,
    cancel: Annotated[str | None, Parameter(help="Propose to give up the running list, for this reason")] = None,
    draw: Annotated[str | None, Parameter(help="Draw so many yuan of the security first; with --order-no")] = None,
    order_no: str = "",
    lines: Annotated[bool, Parameter(negative="", help="Print every family's share")] = False,
    show: Show = SHOW,
) -> int:
    """Share a pot among the families of a closing institution; without --propose or --approve only a preview."""
    terms = Terms(method, _pots(pot), cut_off or today())
    if as_ is None:
        with asking() as question:
            question.require(institution)
            _show_preview(Distributing(question.ledger, institution).preview(terms), show, lines=lines)
        return OK
    with signed_in(as_) as desk:
        desk.require(institution)
        run = _Run(desk, institution, Distributing(desk.runtime.ledger, institution), show)
        if draw is not None:
            return _drawn(desk, run.officer, draw, order_no)
        if cancel is not None:
            return run.cancel(cancel)
        if propose:
            return run.propose_list(terms)
        if approve is not None:
            return run.approve(approve)
        if resume:
            return run.go_on("")
        _show_preview(run.distributing.preview(terms), show, lines=lines)
    return OK


@dataclass(frozen=True)
class _Run:
    """An officer at work on the distribution of one institution."""

    desk: Desk
    institution: str
    distributing: Distributing
    show: Show

    @property
    def officer(self) -> Officer:
        return Officer(self.institution, self.desk.mandate.subject)

    def propose(self, command: c.Command) -> int:
        return show_proposed(self.desk.propose(self.institution, command), self.show)

    def propose_list(self, terms: Terms) -> int:
        preview = self.distributing.preview(terms)
        shares, asked = preview.lists[0], preview.pots[0]
        if not shares.lines or not shares.pot_fen:
            raise Stop("没有可分配的款项或家庭 There is nothing to distribute, or nobody to share it", USAGE)
        if len(preview.lists) > 1:
            err().print("只提出第一个 only the first pot is proposed; the next one after it is complete", markup=False)
        return self.propose(order_of(shares, asked, f"d-{preview.version}", None))

    def cancel(self, reason: str) -> int:
        """Propose to give the running list up; given up already, it is told so."""
        found = self.distributing.find()
        if found is not None and found.cancelled:
            return self._tell(found)
        if found is None or found.completed:
            raise Stop("没有进行中的分配 No distribution is running", USAGE)
        return self.propose(c.CancelDistribution(distribution_id=found.distribution_id, reason=reason))

    def approve(self, approval_id: str) -> int:
        """What was proposed: a list is then shared out, a cancellation is all there is to do."""
        proposal = self.desk.look(approval_id, self.institution, "order_distribution", "cancel_distribution")
        if proposal.act == "order_distribution":
            _check_list(self.distributing, proposal)
        self.desk.approve(proposal)
        return self.go_on(proposal.body["distribution_id"])

    def go_on(self, distribution_id: str) -> int:
        """Complete a list, the last one where none is named, unless that is done; tell what became of it."""
        found = self.distributing.find(distribution_id)
        if found is not None and found.running:
            with progress("分配 distribute", self.show) as watch:
                self.distributing.approve(self.officer, found.distribution_id, watch)
            self.desk.runtime.runner.catch_up()
            found = self.distributing.find(found.distribution_id)
        if found is None:
            raise Stop("没有分配 No distribution was ordered", USAGE)
        return self._tell(found)

    def _tell(self, found: Distribution) -> int:
        """What became of a distribution that is over."""
        if not self.show.quiet:
            said = f"已分配 distributed {format_yuan(found.shared_fen)} · {found.families:,} 户 families"
            out().print(f"已放弃 cancelled {found.distribution_id}" if found.cancelled else said, markup=False)
        return OK


def _check_list(distributing: Distributing, proposal: Approval) -> None:
    """What was proposed must still be the list: nobody approves what was overtaken."""
    if proposal.state != "pending":
        return
    body = proposal.body
    pot = parse_pot(f"{body.get('pot', 'custody')}={format_yuan(body['pot_fen'])}")
    terms = Terms(body["method"], [pot], date.fromisoformat(body["cut_off_on"]))
    if distributing.preview(terms).lists[0].list_sha256 != body["list_sha256"]:
        raise Stop("名单已变,请重新提出 The list has changed since it was proposed: propose it anew", FINDING)


def _pots(pot: list[str] | None) -> list[AskedPot]:
    try:
        return [parse_pot(text) for text in pot or ["custody=all"]]
    except MalformedPot as wrong:
        raise Stop(f"--pot {wrong}: NAME=YUAN", USAGE) from None


def _drawn(desk: Desk, officer: Officer, draw: str, order_no: str) -> int:
    amount_fen = read_amount(draw)
    if not amount_fen or amount_fen < 0 or not order_no:
        raise Stop("--draw YUAN --order-no NUMBER", USAGE)
    drawn_fen = draw_security(desk.runtime.ledger, officer, amount_fen, order_no)
    if drawn_fen:
        out().print(f"已动用保证金 drawn {format_yuan(drawn_fen)}", markup=False)
    else:
        err().print("没有动用 nothing drawn: the institution owes nothing, or the order is used up", markup=False)
    return OK


def _show_preview(preview: Preview, show: Show, *, lines: bool) -> None:
    if show.json:
        print_json(preview_document(preview, lines=lines))
        return
    columns = [
        Column("款项 pot"), Column("方法 method"), Column("户 families", right=True), Column("应退 due", money=True),
        Column("款额 pot", money=True), Column("分配 shared", money=True), Column("名单 list"),
    ]  # fmt: skip
    rows = [
        (pot.name, shares.method, f"{len(shares.lines):,}", shares.due_fen, shares.pot_fen, shares.shared_fen,
         shares.list_sha256[:16])
        for pot, shares in zip(preview.pots, preview.lists, strict=True)
    ]  # fmt: skip
    waiting = preview.waiting
    caption = (
        f"可分配 distributable {format_yuan(preview.available_fen)} · 逾期申报 late {waiting.late:,} "
        f"({format_yuan(waiting.late_fen)}) · 未核实 unverified {waiting.unverified:,} · {preview.priority_regime}"
    )
    print_table(columns, rows, caption)
    if lines:
        for shares in preview.lists:
            heads = [Column("合同 contract"), Column("应退 due", money=True), Column("份额 share", money=True)]
            print_table(heads, ((line.contract_id, line.due_fen, line.share_fen) for line in shares.lines))
