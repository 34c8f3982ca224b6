"""How often one may ask: clients by their name, strangers and failed authentication by address, look-ups apart.

A moving window for each process, in memory: a restart forgets, and n processes let n times as much through.
"""

import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

from fastapi import Request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem
from api.settings import Settings

UNCOUNTED = frozenset({"/healthz", "/readyz"})
"""What keeps the program running is always answered."""
_FOR_STRANGERS = "/v1/tokens"
"""Who asks here is nobody yet, whatever else stands in the request."""
MOST_COUNTED = 50_000
"""So many clients and addresses are counted apart; beyond that newcomers share one count, and memory stays bounded."""
_IPV6_SITE = 64
"""Bits of an address that tell one site from another: below them everybody chooses freely."""
_UNAUTHENTICATED = 401


class Throttle:
    """Counts requests of one program."""

    def __init__(self, settings: Settings) -> None:
        self._storage = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._storage)
        self._clients = _rates(settings.rate_client)
        self._strangers = _rates(settings.rate_address)
        self._lookups = _rates(settings.rate_lookup)

    def client(self, subject: str) -> None:
        """Count a request of an authenticated client. Raises rate_limited."""
        self._count(self._clients, "client", subject)

    def stranger(self, address: str) -> None:
        """Count a request that nobody answers for, of IPv6 by site. Raises rate_limited."""
        self._count(self._strangers, "address", site_of(address))

    def lookup(self, subject: str) -> None:
        """Count a search for a person. Raises rate_limited."""
        self._count(self._lookups, "lookup", subject)

    def _count(self, rates: list[RateLimitItem], *who: str) -> None:
        for rate in rates:
            if self._crowded(rate.key_for(*who)):
                who = ("crowd",)
            if not self._window.hit(rate, *who):
                reset_at = self._window.get_window_stats(rate, *who).reset_time
                seconds = max(1, math.ceil(reset_at - time.time()))
                raise Problem("rate_limited", {"seconds": seconds}, headers={"Retry-After": str(seconds)})

    def _crowded(self, key: str) -> bool:
        """Whether one more would be too many, after those whose time is over were let go: the library keeps them."""
        counted = self._storage.events
        if key in counted or len(counted) < MOST_COUNTED:
            return False
        for idle in [each for each, entries in list(counted.items()) if not entries]:
            self._storage.clear(idle)
        return len(counted) >= MOST_COUNTED


def address_of(scope: Scope) -> str:
    """Where a request comes from, as the server sees it."""
    address: str = (scope.get("client") or ("unknown", 0))[0]
    return address


def site_of(address: str) -> str:
    """An address, or the /64 of one of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(IPv6Network((int(found), _IPV6_SITE), strict=False))


def _rates(text: str) -> list[RateLimitItem]:
    return parse_many(text) if text else []


def throttle_of(request: Request) -> Throttle | None:
    """What counts this request."""
    found: Throttle | None = request.scope.get("state", {}).get("throttle")
    return found


def admit(request: Request, subject: str) -> None:
    """Count an authenticated request, once however many dependencies ask. Raises rate_limited."""
    state = request.scope.setdefault("state", {})
    throttle = state.get("throttle")
    if throttle is not None and "admitted" not in state:
        state["admitted"] = subject
        throttle.client(subject)


class Gate:
    """Counts by address whatever comes without credentials, and whatever is turned away for wrong ones."""

    def __init__(self, app: ASGIApp, throttle: Throttle, refuse: Callable[[Scope, Problem], ASGIApp]) -> None:
        self._app = app
        self._throttle = throttle
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["throttle"] = self._throttle
        if "authorization" in Headers(scope=scope) and scope["path"] != _FOR_STRANGERS:
            await self._app(scope, receive, _Watched(self, scope, receive, send))
            return
        if scope["path"] not in UNCOUNTED and (over := self.over(scope)) is not None:
            await self._refuse(scope, over)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def over(self, scope: Scope) -> Problem | None:
        """Count a request by its address; the problem where that is too many."""
        try:
            self._throttle.stranger(address_of(scope))
        except Problem as over:
            return over
        return None

    def refusal(self, scope: Scope, problem: Problem) -> ASGIApp:
        """The answer of a problem."""
        return self._refuse(scope, problem)


class _Watched:
    """Passes an answer on; one to nobody's credentials or to wrong ones is counted, replaced where there were too many.

    A header that nobody reads does not make its sender a client.
    """

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self._gate = gate
        self._scope = scope
        self._receive = receive
        self._send = send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start" and self._counts(message["status"]):
            over = self._gate.over(self._scope)
            if over is not None:
                self._replaced = True
                await self._gate.refusal(self._scope, over)(self._scope, self._receive, self._send)
                return
        await self._send(message)

    def _counts(self, status: int) -> bool:
        """Whether this is an answer to somebody who was not let in."""
        if self._scope["path"] in UNCOUNTED:
            return False
        return status == _UNAUTHENTICATED or "admitted" not in self._scope["state"]
