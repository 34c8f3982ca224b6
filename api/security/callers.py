"""Who calls: the dependency that every route but the public ones stands behind."""

from collections.abc import Callable, Iterable

from fastapi import Request

from api.problems import Problem
from api.security.limits import admit
from api.security.mandate import Mandate
from api.security.tokens import Tokens, bearer
from ledger.identifiers import Role


def callers(tokens: Tokens) -> Callable[[Request], Mandate]:
    """A dependency that gives the caller's mandate. Raises unauthenticated, and what `Tokens.read` raises."""

    def caller(request: Request) -> Mandate:
        mandate = tokens.read(bearer(request.headers.get("authorization")))
        request.state.subject = mandate.subject
        admit(request, mandate.subject)
        return mandate

    return caller


def readers(tokens: Tokens, roles: Iterable[Role]) -> Callable[[Request], Mandate]:
    """A dependency for reads that only these roles may make. Raises not_permitted, and those of `callers`."""
    caller, allowed = callers(tokens), frozenset(roles)

    def reader(request: Request) -> Mandate:
        mandate = caller(request)
        if mandate.role not in allowed:
            raise Problem("not_permitted", {"role": mandate.role.value})
        return mandate

    return reader
