"""Migrations of the whole database: the store's tables and the read models; `upgrade` runs them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine


def configuration(connection: Connection, lanes: int = 1) -> Config:
    """Alembic's settings for the database behind `connection`; `lanes` counts only when the store is made."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    config.attributes["lanes"] = lanes
    return config


def upgrade(engine: Engine, revision: str = "head", *, lanes: int = 1) -> None:
    """Bring the database to `revision`. `lanes` is fixed for ever when the store's tables are made."""
    with engine.begin() as connection:
        command.upgrade(configuration(connection, lanes), revision)
