"""`ledger request`: one request as a client sends it: a token by its key, and the key's signature over what records."""

import sys
from pathlib import Path
from secrets import token_hex
from typing import Annotated
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cyclopts import Parameter

from api.app import now
from api.security.grants import ASSERTION_TYPE
from api.security.keys import UnreadableKey, read_private_key
from api.security.signing import client_assertion, signed_headers
from api.terminal.environment import ENVIRONMENT, FINDING, OK, USAGE, Stop
from api.terminal.output import err

TIMEOUT_SECONDS = 60.0
SUCCESS = range(200, 300)


class _Token(msgspec.Struct):
    access_token: str


def request(
    method: Annotated[str, Parameter(help="GET, POST or PUT")],
    url: Annotated[str, Parameter(help="The whole address, as the server calls itself")],
    *,
    client: Annotated[str, Parameter(help="Who asks")],
    key: Annotated[Path, Parameter(help="File with the client's private key")],
    body: Annotated[Path | None, Parameter(help="File with the JSON that is sent; - reads standard input")] = None,
    idempotency_key: Annotated[str | None, Parameter(help="Of the request; a random one when left out")] = None,
    audience: Annotated[str, Parameter(help="LEDGER_TOKEN_ISSUER of the server")] = "escrow-ledger",
) -> int:
    """Send one request as a client: with a token that its key asked for, signed where it records; 1 where refused."""
    if method not in {"GET", "POST", "PUT"} or not url.startswith(("http://", "https://")):
        raise Stop("METHOD 为 GET、POST 或 PUT，URL 为完整地址 METHOD is GET, POST or PUT, URL a whole address", USAGE)
    try:
        private = read_private_key(key)
        content = _content(body) if method != "GET" else None
    except (UnreadableKey, OSError) as error:
        raise Stop(f"无法读取 cannot be read: {error}", USAGE) from None
    try:
        headers = {"Authorization": f"Bearer {_token(url, private, client, audience)}"}
        if content is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": idempotency_key or token_hex(16)}
            headers = signed_headers(private, method, url, headers, content)
        status, text = _send(method, url, headers, content)
    except (URLError, OSError) as error:
        raise Stop(f"无法连接 {url} cannot be reached: {error}", ENVIRONMENT) from None
    err().print(f"{status}", markup=False)
    sys.stdout.write(text.decode("utf-8", "replace") + "\n")
    return OK if status in SUCCESS else FINDING


def _token(url: str, private: Ed25519PrivateKey, client: str, audience: str) -> str:
    parts = urlsplit(url)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion(private, client, audience, now() // 1_000_000),
    }
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    where = f"{parts.scheme}://{parts.netloc}/v1/tokens"
    status, text = _send("POST", where, kind, urlencode(form).encode())
    if status not in SUCCESS:
        raise Stop(f"没有得到令牌 no token was given: {status} {text.decode('utf-8', 'replace')}", FINDING)
    try:
        return msgspec.json.decode(text, type=_Token).access_token
    except msgspec.MsgspecError:
        raise Stop(f"{where} 不是账本 is no ledger", ENVIRONMENT) from None


def _send(method: str, url: str, headers: dict[str, str], content: bytes | None) -> tuple[int, bytes]:
    asked = Request(url, content, headers, method=method)  # noqa: S310 - the scheme was checked
    try:
        with urlopen(asked, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - the scheme was checked
            return answer.status, answer.read()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()


def _content(body: Path | None) -> bytes:
    if body is None:
        return b"{}"
    return sys.stdin.buffer.read() if str(body) == "-" else body.read_bytes()
