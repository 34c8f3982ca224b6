"""The tables of the vault: wrapped keys, sealed fields, blind index; nothing of it is read without a master key."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

metadata = MetaData()

keys = Table(
    "vault_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("wrapped_key", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
"""Keys that belong to no person: that of the blind index."""

subjects = Table(
    "vault_subjects",
    metadata,
    Column("subject_id", Text, primary_key=True),
    Column("institution_id", Text),
    Column("state", Text, nullable=False),
    Column("wrapped_key", Text),
    Column("key_id", Text),
    Column("minted_by", Text, nullable=False),
    Column("mint_key", Text, nullable=False),
    Column("minted_at", BigInteger, nullable=False),
    Column("forgotten_at", BigInteger),
)
"""One row per person, for ever; without its wrapped key it says that an id was forgotten."""

fields = Table(
    "vault_fields",
    metadata,
    Column("subject_id", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("ciphertext", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

index = Table(
    "vault_index",
    metadata,
    Column("field", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
)
"""HMAC of what can be looked up; equal texts are equal here, and nothing else shows."""
