"""Reading a request body: bounded, and JSON only."""

from fastapi import Request

from api.documents import MAX_BYTES
from api.problems import Problem

_TYPE = "application/json"


async def json_body(request: Request) -> bytes:
    """The raw body. Raises Problem: content_type_unsupported, body_too_large."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != _TYPE or charset not in {"", "utf-8"} or "content-encoding" in request.headers:
        raise Problem("content_type_unsupported")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> Problem:
    return Problem("body_too_large", {"limit_bytes": MAX_BYTES}, headers={"Connection": "close"})
