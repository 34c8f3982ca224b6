"""`ledger`: the command line. Exit codes: 0 ok, 1 a finding, 2 usage, 3 environment."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata

from cyclopts import App, CycloptsError
from sqlalchemy.exc import SQLAlchemyError

from api.logs import described
from api.problems import Catalogue, problem_of
from api.settings import SettingMissing
from api.terminal.environment import ENVIRONMENT, OK, USAGE, Stop, language
from ledger.rejections import Rejection
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from projections.answers import UnknownRow

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
    ("balance", "api.terminal.balances:balance", "What is in custody, for whom."),
    ("history", "api.terminal.balances:history", "What moved the money."),
    ("entitlement", "api.terminal.entitlements:app", "What is due under a contract, or from the papers alone."),
    ("refunds-due", "api.terminal.balances:refunds_due", "What is due to whom, why, until when, and is it there."),
    ("explain", "api.terminal.balances:explain", "Why an account holds what it holds."),
    ("rebuild", "api.terminal.operations:rebuild_models", "Rebuild read models, compare, and put them in place."),
    ("audit", "api.terminal.operations:audit_ledger", "Compare history with everything that is stored."),
    ("export", "api.terminal.exports:app", "Write the books in the formats of other programs."),
    ("token", "api.terminal.tokens:app", "Bearer tokens for the six roles."),
    ("openapi", "api.terminal.operations:openapi", "Print the description of the API."),
)
"""Every command, where it stands (it is loaded when it is used), and what it does."""
for _name, _place, _purpose in COMMANDS:
    app.command(_place, name=_name, help=_purpose)


def main() -> None:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code. Never a traceback: what went wrong is a sentence."""
    try:
        code = app(list(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return OK
    except Exception as error:  # noqa: BLE001 - nobody at a terminal is helped by a traceback
        sentence, code = _sentence(error)
        sys.stderr.write(f"ledger: {sentence}\n")
        return code
    return code if isinstance(code, int) else OK


def _sentence(error: Exception) -> tuple[str, int]:
    match error:
        case Stop():
            return str(error), error.code
        case CycloptsError():
            return " ".join(str(error).split()), USAGE
        case SettingMissing():
            return f"没有设置 {error}", ENVIRONMENT
        case OutcomeUnknown() | StoreUnavailable() | SQLAlchemyError():
            return f"数据库不可用 The database cannot be used: {_first_line(error)}", ENVIRONMENT
        case Rejection() | UnknownRow():
            problem = problem_of(error)
            return Catalogue().detail(problem.code, problem.fields, language()), USAGE
        case _:
            facts = described(error)
            return f"内部错误 internal error: {facts['error']} {' < '.join(facts['at'][::-1][:3])}", ENVIRONMENT


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)
