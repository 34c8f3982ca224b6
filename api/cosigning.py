"""Asks witnesses over HTTP to cosign the directory (C2SP tlog-witness), and keeps what they sign."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sqlalchemy import Engine

from ledger.log.cosigning import growth, keep_cosignature
from ledger.log.keys import PublicKey

TIMEOUT_SECONDS = 10.0
SIZE_TYPE = "text/x.tlog.size"


class WitnessRefused(Exception):
    """The witness did not cosign: `status` and its own words. 409 or 422 means that it saw another history."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason.strip()[:200]}")
        self.status = status


def ask_witness(engine: Engine, url: str, witness: PublicKey, timeout: float = TIMEOUT_SECONDS) -> int:
    """Have the newest checkpoint of the directory cosigned by the witness at `url`; when it signed (POSIX seconds).

    Raises WitnessRefused, NotSigned for an answer that is no cosignature of this key, NotYetSigned, WitnessAhead where
    the witness saw a longer history than there is, StoreUnavailable, OSError where the witness is away.
    """
    asked = growth(engine, witness)
    status, kind, text = _post(url, asked.encode(), timeout)
    if status == 409 and kind == SIZE_TYPE and text.strip().isdigit() and int(text) != asked.old_size:  # noqa: PLR2004 - an HTTP status
        asked = growth(engine, witness, int(text))
        status, kind, text = _post(url, asked.encode(), timeout)
    if status != 200:  # noqa: PLR2004 - the status of success
        raise WitnessRefused(status, text)
    return keep_cosignature(engine, asked, text, witness)


def _post(url: str, body: str, timeout: float) -> tuple[int, str, str]:
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"a witness answers over HTTP, not at {url}")
    request = Request(f"{url.rstrip('/')}/add-checkpoint", body.encode(), method="POST")  # noqa: S310 - checked above
    try:
        with urlopen(request, timeout=timeout) as answer:  # noqa: S310 - checked above
            return answer.status, answer.headers.get_content_type(), answer.read(65_536).decode("utf-8", "replace")
    except HTTPError as refusal:
        with refusal:
            text = refusal.read(65_536).decode("utf-8", "replace")
            return refusal.code, refusal.headers.get_content_type(), text
