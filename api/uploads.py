"""Files in request bodies: bounded, streamed to disk beyond a size, of a kind that is taken."""

import tempfile
from collections.abc import Callable, Coroutine
from typing import IO, Any

from fastapi import Request

from api.bodies import require_type
from api.problems import Problem

_IN_MEMORY = 1024 * 1024
MEDIA_TYPES = (
    "text/csv",
    "text/plain",
    "text/xml",
    "application/xml",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
)
"""What a file may call itself; what it is, is told by its content."""


def file_bodies(limit_bytes: int) -> Callable[[Request], Coroutine[Any, Any, bytes]]:
    """A dependency that gives the file in the body. It raises Problem: content_type_unsupported, body_too_large."""

    async def file_body(request: Request) -> bytes:
        require_type(request, *MEDIA_TYPES)
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
            await _receive(request, spool, limit_bytes)
            spool.seek(0)
            return spool.read()

    return file_body


async def _receive(request: Request, spool: IO[bytes], limit_bytes: int) -> None:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        spool.write(chunk)


def _too_large(limit_bytes: int) -> Problem:
    return Problem("body_too_large", {"limit_bytes": limit_bytes}, headers={"Connection": "close"})
