"""The outermost layer: trace ids, security headers, counting, logging, and the last resort for errors."""

import re
import secrets
import time
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import described
from api.metrics import Metrics

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What a client may make up must not become a label."""

log = structlog.get_logger("api")


class Edge:
    """Wraps the application; every answer leaves through here."""

    def __init__(self, app: ASGIApp, metrics: Metrics, last_resort: Callable[[Scope], ASGIApp]) -> None:
        self._app = app
        self._metrics = metrics
        self._last_resort = last_resort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = _trace_id(Headers(scope=scope))
        scope.setdefault("state", {})["trace_id"] = trace_id
        status = 0

        async def decorated(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["Trace-Id"] = trace_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, decorated)
        except Exception as error:
            log.error("request failed", trace_id=trace_id, route=_route(scope), **described(error))  # noqa: TRY400 - messages may quote what was sent
            if status:
                raise
            await self._last_resort(scope)(scope, receive, decorated)
        self._account(scope, status, time.perf_counter() - started, trace_id)

    def _account(self, scope: Scope, status: int, seconds: float, trace_id: str) -> None:
        method, route = scope["method"] if scope["method"] in _METHODS else "other", _route(scope)
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        log.info("answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1), trace_id=trace_id)


def _trace_id(headers: Headers) -> str:
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return found["trace"] if found else secrets.token_hex(16)


def _route(scope: Scope) -> str:
    """The route's pattern: paths hold ids, and ids belong neither in logs nor in metrics."""
    return getattr(scope.get("route"), "path", "none")
