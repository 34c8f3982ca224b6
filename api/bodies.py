"""Reading a request body: of a type that is taken, bounded; JSON unless a route says otherwise."""

from fastapi import Request

from api.documents import MAX_BYTES
from api.problems import Problem

_TYPE = "application/json"


async def json_body(request: Request) -> bytes:
    """The raw body. Raises Problem: content_type_unsupported, body_too_large."""
    parameters = require_type(request, _TYPE)
    if parameters.lower().removeprefix("charset=").strip('"') not in {"", "utf-8"}:
        raise Problem("content_type_unsupported", {"accepted": f"{_TYPE}; charset=utf-8"})
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def require_type(request: Request, *accepted: str) -> str:
    """The parameters of a content type that is one of these. Raises Problem content_type_unsupported, which names them.

    What is encoded (compressed) is refused too: its size would not be known before it is unpacked.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() not in accepted or "content-encoding" in request.headers:
        raise Problem("content_type_unsupported", {"accepted": ", ".join(accepted)})
    return parameters.strip()


def _too_large() -> Problem:
    return Problem("body_too_large", {"limit_bytes": MAX_BYTES}, headers={"Connection": "close"})
