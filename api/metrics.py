"""What is counted while the program runs, in Prometheus' terms; no personal data, no ids."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One registry per program, so that two in one process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ledger_http_requests", "Answered requests", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "ledger_http_request_seconds", "Time to answer", ("method", "route"), registry=self.registry
        )
        self.commands = Counter(
            "ledger_commands", "Commands by outcome", ("command", "outcome"), registry=self.registry
        )
        self.refused = Counter(
            "ledger_access_refused", "Requests that were not let in, by code", ("code",), registry=self.registry
        )
        self.lag = Gauge("ledger_projection_lag", "Events the read models lie behind", registry=self.registry)
        self.parked = Gauge("ledger_parked_streams", "Institutions whose answers stopped", registry=self.registry)
        self.unsigned = Gauge("ledger_unsigned_events", "Events under no signed checkpoint yet", registry=self.registry)
        self.directory = Gauge("ledger_directory_size", "Checkpoints in the directory", registry=self.registry)
        self.witnessed = Gauge(
            "ledger_witnessed_size", "Directory entries a witness cosigned", ("witness",), registry=self.registry
        )
        self.notary_stopped = Gauge(
            "ledger_notary_stopped", "1 where the store is not what was signed", registry=self.registry
        )

    def text(self) -> bytes:
        """All of it in the exposition format."""
        return generate_latest(self.registry)
