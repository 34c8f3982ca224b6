"""Who is known here: subjects, their keys and passwords, what changed, and what may not be used twice."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata = MetaData()

subjects = Table(
    "access_subjects",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("outside_sub", Text),
    Column("registered_at", BigInteger, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
)
"""Machines (`client`) and people (`user`) share one space of names: commands are kept under the subject for ever.

`bearer` is a name that only stands in tokens of the command line. `outside_sub` is who the outside provider says it is.
"""

keys = Table(
    "access_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("not_before_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("revoked_by", Text),
)
"""Every key that was ever registered; it is needed for as long as what it signed."""

passwords = Table(
    "access_passwords",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until_at", BigInteger, nullable=False),
)
"""Argon2id hashes of users; `failures` counts wrong passwords from addresses that the user never came from."""

attempts = Table(
    "access_attempts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("locked_until_at", BigInteger, nullable=False),
    Column("succeeded_at", BigInteger),
)
"""From where a password was tried: wrong ones since the last right one, and when it was right last (µs UTC)."""

changes = Table(
    "access_changes",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("deed", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("key_id", Text),
    Column("detail", Text),
)
"""Everything that was ever done to the tables above, never changed."""

nonces = Table(
    "access_nonces",
    metadata,
    Column("holder", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    Column("until_at", BigInteger, nullable=False),
)
"""Nonces of signed requests and ids of client assertions, for as long as they could be used again."""
