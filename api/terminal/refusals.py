"""How a command that cannot go on ends: one sentence, and its exit code."""

from cyclopts import CycloptsError
from sqlalchemy.exc import SQLAlchemyError

from api.logs import described
from api.notarizing import LogKeyUnusable
from api.problems import Catalogue, Problem, problem_of
from api.settings import SettingMissing, SettingUnusable
from api.terminal.environment import ENVIRONMENT, USAGE, Stop, language
from api.vault.masters import UnreadableMasterKeys
from ledger.rejections import Rejection
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from projections.answers import UnknownRow


def sentence(error: Exception) -> tuple[str, int]:  # noqa: PLR0911 - one for each kind
    """What to say, and the exit code. An error that nobody expected is told by its kind and place alone."""
    match error:
        case Stop():
            return str(error), error.code
        case CycloptsError():
            return " ".join(str(error).split()), USAGE
        case SettingMissing() | SettingUnusable() | LogKeyUnusable():
            return f"{'没有设置' if isinstance(error, SettingMissing) else '设置有误'} {error}", ENVIRONMENT
        case UnreadableMasterKeys():
            return f"LEDGER_VAULT_KEY_FILE 有误 is malformed: {error}", ENVIRONMENT
        case OutcomeUnknown() | StoreUnavailable() | SQLAlchemyError():
            return f"数据库不可用 The database cannot be used: {_first_line(error)}", ENVIRONMENT
        case Rejection() | UnknownRow() | Problem():
            problem = problem_of(error)
            return Catalogue().detail(problem.code, problem.fields, language()), USAGE
        case _:
            facts = described(error)
            return f"内部错误 internal error: {facts['error']} {' < '.join(facts['at'][::-1][:3])}", ENVIRONMENT


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)
