"""What a command runs in: settings, the ledger they name, and how it ends when it cannot."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from api.app import now
from api.language import DEFAULT, Language
from api.settings import Settings, database_url, master_keys
from api.vault.masters import Masters, UnreadableMasterKeys
from ledger.application import Ledger, open_ledger
from ledger.store.failures import SchemaMissing

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3
"""Exit codes."""


class Stop(Exception):
    """A command cannot go on: what to say, and the exit code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


def load_settings() -> Settings:
    """The settings of the environment. Raises Stop where one is malformed."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = f"LEDGER_{'_'.join(map(str, first['loc'])).upper()}"
        raise Stop(f"环境变量有误 {name} is malformed: {first['msg']}", ENVIRONMENT) from None


@contextmanager
def the_ledger(settings: Settings | None = None) -> Iterator[Ledger]:
    """The ledger that the settings name. Raises Stop, SettingMissing, StoreUnavailable."""
    url = database_url(settings or load_settings())
    check_url(url)
    try:
        ledger = open_ledger(url, now)
    except SchemaMissing:
        raise Stop(f"没有账本 There is no ledger at {shown(url)} yet: ledger migrate", ENVIRONMENT) from None
    except ValueError as error:
        raise Stop(f"LEDGER_DATABASE_URL: {error}", ENVIRONMENT) from None
    try:
        yield ledger
    finally:
        ledger.close()


def the_masters(settings: Settings) -> Masters:
    """The master keys of the vault, none where none are set. Raises Stop where they cannot be read."""
    try:
        return master_keys(settings)
    except UnreadableMasterKeys as error:
        raise Stop(f"LEDGER_VAULT_KEY_FILE: {error}", ENVIRONMENT) from None
    except OSError as error:
        raise Stop(f"LEDGER_VAULT_KEY_FILE: {error.strerror}", ENVIRONMENT) from None


def check_url(url: str, *, must_exist: bool = True) -> None:
    """Raises Stop for what is no URL of a ledger, and for a SQLite file that is not there: opening would make it."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Stop("LEDGER_DATABASE_URL 不是 SQLAlchemy 网址 is not a SQLAlchemy URL", ENVIRONMENT) from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return
    path = Path(parsed.database)
    if must_exist and not path.is_file():
        raise Stop(f"没有文件 There is no file {path}: ledger migrate", ENVIRONMENT)
    if not path.absolute().parent.is_dir():
        raise Stop(f"没有目录 There is no folder {path.absolute().parent}", ENVIRONMENT)


def shown(url: str) -> str:
    """A URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def language() -> Language:
    """The language of the terminal: Chinese unless its locale is English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "en" if value.lower().startswith("en") else DEFAULT
    return DEFAULT
