"""A new master key: every data key is wrapped anew while the vault is in use; what they seal stays as it is."""

from collections.abc import Callable

from sqlalchemy import Table, func, select, update

from api.vault.tables import keys, subjects
from api.vault.vault import Vault, writing

PORTION = 500

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there were."""


def rotate(vault: Vault, progress: Progress = lambda _done, _all: None) -> int:
    """Wrap every key that another master key wraps with the current one; how many there were.

    In portions, each a transaction of its own: interrupted, it goes on where it stopped. A key that changed meanwhile
    is left to its writer. Raises VaultLocked, VaultDamaged.
    """
    with vault.engine.connect() as connection:
        old = subjects.c.key_id.is_not(None) & (subjects.c.key_id != vault.masters.current)
        total = connection.scalar(select(func.count()).select_from(subjects).where(old)) or 0
    done, after = 0, ""
    while names := _portion(vault, subjects, "subject_id", after):
        done, after = done + len(names), names[-1]
        progress(done, total)
    return done + len(_portion(vault, keys, "name", ""))


def _portion(vault: Vault, table: Table, column: str, after: str) -> list[str]:
    """Rewrap the next portion of a table; whose keys they were."""
    name, key_id = table.c[column], table.c.key_id
    with writing(vault.engine) as connection:
        wanted = select(name, table.c.wrapped_key, key_id).where(
            key_id.is_not(None), key_id != vault.masters.current, name > after
        )
        rows = connection.execute(wanted.order_by(name).limit(PORTION)).all()
        for owner, wrapped, master in rows:
            fresh, current = vault.masters.wrap(vault.masters.unwrap(wrapped, master, owner), owner)
            same = (name == owner) & (table.c.wrapped_key == wrapped)
            connection.execute(update(table).where(same).values(wrapped_key=fresh, key_id=current))
    return [row[0] for row in rows]
