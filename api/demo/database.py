"""Where the demo's ledger lies: at the URL of the settings if it is empty there, else in a fresh SQLite file."""

import tempfile
from itertools import count
from pathlib import Path

from sqlalchemy import func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from api.settings import Settings
from ledger.store.factory import open_engine
from ledger.store.tables import events
from projections.migrations import upgrade

STEM = "ledger-demo"


class LedgerNotEmpty(Exception):
    """The demo tells its story to an empty ledger only."""

    def __init__(self, count_: int) -> None:
        super().__init__(f"this ledger already holds {count_} events; the demo needs an empty one")


class DatabaseAway(Exception):
    """The database cannot be opened."""


def prepared(settings: Settings) -> str:
    """URL of an empty, migrated ledger. Raises LedgerNotEmpty, DatabaseAway."""
    url = settings.database_url or f"sqlite:///{_fresh_file()}"
    try:
        engine = open_engine(url)
        upgrade(engine)
        with engine.connect() as connection:
            held = connection.execute(select(func.count()).select_from(events)).scalar_one()
        engine.dispose()
    except (SQLAlchemyError, ValueError) as error:
        raise DatabaseAway(str(error)) from error
    if held:
        raise LedgerNotEmpty(held)
    return url


def folder_of(url: str) -> Path:
    """A new folder for the demo's files: beside the database, or in the current folder where that is no file.

    In a temporary one where neither can be written.
    """
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database
    base = Path(parsed.database or "").absolute().with_suffix("") if is_file else Path.cwd() / STEM
    for number in count(1):
        folder = base.with_name(f"{base.name}-files{f'-{number}' if number > 1 else ''}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError:
            return Path(tempfile.mkdtemp(prefix=f"{STEM}-files-"))
        return folder
    raise AssertionError("there is always another number")


def shown(url: str) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _fresh_file() -> Path:
    """A new name in the current folder; in a temporary one where that cannot be written."""
    here = Path.cwd()
    for number in count(1):
        path = here / f"{STEM}{f'-{number}' if number > 1 else ''}.sqlite"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        except OSError:
            return Path(tempfile.mkdtemp(prefix=f"{STEM}-")) / f"{STEM}.sqlite"
        return path
    raise AssertionError("there is always another number")
