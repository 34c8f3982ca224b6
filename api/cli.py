"""`ledger`: the command line. Exit codes: 0 ok, 1 a finding, 2 usage, 3 environment."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata

from cyclopts import App

from ledger.collector import patient

app = App(
    name="ledger",
    help="Supervision of prepaid tuition: balances, and refund all that is due. Settings: LEDGER_… (docs/settings.md).",
    version=metadata.version("escrow-ledger"),
    result_action="return_value",
)
COMMANDS = (
    ("demo", "api.terminal.demonstration:demo", "Tell the story of a seeded city, print what is due, and serve it."),
    ("serve", "api.terminal.operations:serve", "Serve the API."),
    ("worker", "api.terminal.operations:worker", "Keep the read models up to date."),
    ("migrate", "api.terminal.operations:migrate", "Make the ledger's tables, or bring them up to date."),
    ("status", "api.terminal.operations:status", "Where the log and the read models stand."),
    ("retry", "api.terminal.operations:retry", "Take up again what stands still."),
    ("balance", "api.terminal.balances:balance", "What is in custody, for whom."),
    ("history", "api.terminal.balances:history", "What moved the money."),
    ("entitlement", "api.terminal.entitlements:app", "What is due under a contract, or from the papers alone."),
    ("refunds-due", "api.terminal.balances:refunds_due", "What is due to whom, why, until when, and is it there."),
    ("explain", "api.terminal.balances:explain", "Why an account holds what it holds."),
    ("rebuild", "api.terminal.operations:rebuild_models", "Rebuild read models, compare, and put them in place."),
    ("audit", "api.terminal.operations:audit_ledger", "Compare history with everything that is stored."),
    ("import-statement", "api.terminal.statements:import_statement", "Preview a bank's file, then commit it."),
    ("import-contracts", "api.terminal.imports:import_contracts", "Register contracts and opening stock from a file."),
    ("import-lessons", "api.terminal.imports:import_lessons", "Claim lessons from a file."),
    ("reconcile", "api.terminal.reconciling:reconcile_day", "Hold bank and ledger against each other."),
    ("release", "api.terminal.bankday:release", "Release what the rules let go, and write the payment file."),
    ("refund-run", "api.terminal.bankday:refund_run", "Pay the refunds that are due, and write the payment file."),
    ("payment-file", "api.terminal.bankday:payment_file", "Write a recorded payment file again."),
    (
        "payee-ref",
        "api.terminal.payees:payee_ref",
        "The reference of an account in the vault, for a verified substitute.",
    ),
    ("import-payment-status", "api.terminal.bankday:import_payment_status", "Record what became of payments."),
    ("eod", "api.terminal.endofday:eod", "End a business day: clocks, bank and ledger, cover, seal."),
    ("close", "api.terminal.closing:close", "Close an institution: declared by two, every contract made due."),
    ("distribute", "api.terminal.distributing:distribute", "Share a short pot among the families of an institution."),
    ("verify", "api.terminal.proofs:verify", "Hold the live ledger against every checkpoint that was signed."),
    ("checkpoint", "api.terminal.checkpoints:app", "Sign what was recorded, and have it cosigned."),
    ("verify-bundle", "api.terminal.proofs:verify_bundle", "Check an audit bundle offline."),
    ("receipt", "api.terminal.proofs:receipt", "Write the proof of an event, or of a family's figure."),
    ("backup", "api.terminal.backup:backup", "Back the ledger up while it runs."),
    ("restore", "api.terminal.backup:restore", "Restore a backup, check it, and open a new epoch."),
    ("export", "api.terminal.exports:app", "Write the books in the formats of other programs."),
    ("key", "api.terminal.keys:app", "Keys with which clients sign what they record."),
    ("user", "api.terminal.users:app", "People who sign in, and what they may touch."),
    ("token", "api.terminal.tokens:app", "Bearer tokens for the six roles."),
    ("request", "api.terminal.requests:request", "Send one signed request, as a client does."),
    ("vault", "api.terminal.vault:app", "Personal data: master keys, rotation, forgetting."),
    ("openapi", "api.terminal.operations:openapi", "Print the description of the API."),
)
"""Every command, where it stands (it is loaded when it is used), and what it does."""
for _name, _place, _purpose in COMMANDS:
    app.command(_place, name=_name, help=_purpose)


def main() -> None:
    """The entry point."""
    patient()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code. Never a traceback: what went wrong is a sentence."""
    try:
        code = app(list(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # noqa: BLE001 - nobody at a terminal is helped by a traceback
        from api.terminal.refusals import sentence  # noqa: PLC0415 - what goes well needs none of it

        text, code = sentence(error)
        sys.stderr.write(f"ledger: {text}\n")
        return code
    return code if isinstance(code, int) else 0
