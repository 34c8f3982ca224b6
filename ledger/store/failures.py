"""What can go wrong between the ledger and its database, as the library's persistence errors."""

from eventsourcing.persistence import IntegrityError, OperationalError


class Conflict(IntegrityError):
    """Another writer was first: look again and decide again. Never leaves the desk."""


class InvariantBroken(IntegrityError):
    """The database refused rows that break an invariant: a bug in the rules. Nothing was recorded."""


class StoreUnavailable(OperationalError):
    """The database cannot be used now (away, full, read-only). Nothing was recorded."""


class OutcomeUnknown(OperationalError):
    """The connection was lost while the command was being recorded: ask again with the same key."""


class SchemaMissing(StoreUnavailable):
    """The database has no ledger in it, or an older one: run the migrations first."""
