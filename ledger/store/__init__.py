"""The event store: a persistence module of the eventsourcing library for SQLite and PostgreSQL."""
