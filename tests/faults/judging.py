"""Who judges a drill: an independent account of the money, the audit, and the verifier that shares nothing with us."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from ledger.application import Ledger
from ledger.audit import audit
from ledger.log.bundle import write_bundle
from ledger.log.notary import Notary
from ledger.store.tables import headers
from tests.faults.drill import TEMPORARY, Tally
from tests.faults.families import expected, order_of, step_of
from tests.log.schools import KEY
from tests.properties.agreements import Account
from tests.verifier.conftest import loaded

Told = Mapping[tuple[int, int], tuple[int, int]]
"""Client and number → first and last version that it was told."""
OPENINGS = "open"


def judge(ledger: Ledger, told: Told, schools: int, tally: Tally) -> None:
    """Count what was lost, doubled or out of balance. Everything asked was answered in the end."""
    runs: dict[tuple[str, str], list[int]] = {}
    for institution_id in ledger.institutions():
        for event in ledger.stream(institution_id):
            runs.setdefault((institution_id, event.envelope.command_id), []).append(event.version)
    for (client, number), (first, last) in told.items():
        order = order_of(client, number, schools)
        versions = runs.pop((order.institution_id, order.command_id), [])
        wanted = step_of(client, number).events
        tally.acknowledged += wanted
        kept = len([each for each in versions if first <= each <= last])
        tally.lost += max(0, wanted - kept)
        tally.doubled += max(0, len(versions) - wanted)
    tally.doubled += sum(len(versions) for (_, key), versions in runs.items() if key != OPENINGS)
    tally.unbalanced += differences(ledger, expected(told, schools))
    inspect(ledger, tally)


def inspect(ledger: Ledger, tally: Tally, *, verifier: bool = True) -> None:
    """What audit and verifier find counts as out of balance."""
    report = audit(ledger)
    tally.unbalanced += len(report.findings)
    if verifier:
        tally.judges = "model, audit, verifier"
        tally.unbalanced += len(verified(ledger))


def verified(ledger: Ledger) -> list[str]:
    """What the verifier finds in a bundle of everything; a bundle in which nothing was inspected is a finding, too."""
    Notary(ledger.engine, KEY, lambda: 1).run()
    verify = loaded()
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        path = Path(folder) / "all.bundle"
        write_bundle(ledger.engine, path, KEY)
        report = verify.check_bundle(str(path), [verify.parse_key(KEY.public().text())], jobs=1)
    if report.status != verify.VERIFIED and not report.findings:
        return [f"status {report.status}"]
    return [f"{each.code} {each.where} {each.detail}" for each in report.findings]


def differences(ledger: Ledger, accounts: Mapping[str, Account]) -> int:
    """In how many figures ledger and account differ: those of every school."""
    return sum(
        ours != theirs
        for institution_id, account in accounts.items()
        for ours, theirs in zip(figures(account), header_figures(ledger, institution_id), strict=True)
    )


def figures(account: Account) -> tuple[int, ...]:
    """The sums of a school by the account, fen."""
    families = account.families.values()
    return (
        account.cash,
        account.loose,
        sum(family.purse for family in families),
        sum(family.earned for family in families),
        account.releasing,
        sum(claim.open for claim in account.claims.values()),
        account.refunding,
        account.loose_owed + sum(family.owed for family in families),
    )


def header_figures(ledger: Ledger, institution_id: str) -> tuple[int, ...]:
    """The same sums as the ledger keeps them."""
    h = headers.c
    columns = (
        h.custody_cash_fen, h.unapplied_fen, h.unearned_fen, h.earned_fen, h.release_in_transit_fen,
        h.refund_payable_fen, h.refund_in_transit_fen, h.institution_receivable_fen,
    )  # fmt: skip
    with ledger.engine.connect() as connection:
        row = connection.execute(select(*columns).where(h.institution_id == institution_id)).first()
    return (0,) * len(columns) if row is None else tuple(row)
