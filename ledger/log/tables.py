"""The tables of the proofs: checkpoints for ever, cosignatures beside them, and how far the trees have grown."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

checkpoints = Table(
    "log_checkpoints",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("institution_id", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", Text, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("institution_id", "size", name="log_checkpoints_of_institution"),
)
"""Every checkpoint ever signed; row `number` is leaf number - 1 of the directory. Roots are lower-case hex."""

directory = Table(
    "log_directory",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
"""Every checkpoint of the directory ever signed, and when (µs UTC)."""

cosignatures = Table(
    "log_cosignatures",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("line", Text, primary_key=True),
)
"""What witnesses signed: one signature line each."""

frontiers = Table(
    "log_frontiers",
    metadata,
    Column("institution_id", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("peaks", Text, nullable=False),
    Column("signed_size", BigInteger, nullable=False),
)
"""The right edge of each tree (hex, one peak after the other), and up to where it is signed; '' is the directory."""

nodes = Table(
    "log_nodes",
    metadata,
    Column("log", Text, primary_key=True),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("root", Text, nullable=False),
)
"""Roots (hex) of complete subtrees of 2 ** level leaves, from the left; '' is the directory. Never believed alone."""

seal_lines = Table(
    "log_seal_lines",
    metadata,
    Column("institution_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("since_version", BigInteger, primary_key=True, autoincrement=False),
    Column("until_version", BigInteger),
    Column("line", Text, nullable=False),
)
"""What families had at the seals: each line from the version at which it was first seen to before another was."""

seal_blocks = Table(
    "log_seal_blocks",
    metadata,
    Column("institution_id", Text, primary_key=True),
    Column("stream_version", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("first_key", Text, nullable=False),
    Column("root", Text, nullable=False),
)
"""Blocks of the sorted lines at each seal: where each begins, and its root (hex). Never believed alone."""

cursors = Table(
    "log_cursors",
    metadata,
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)
"""The last position of each lane that is in the trees."""

lease = Table(
    "log_lease",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Who follows the log, and until when (µs UTC) others leave it to them; one row."""
