"""Keys and users at the terminal, and a request to a server as a client sends it; the page's example runs."""

import io
import json
import re
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app, now
from api.cli import run
from api.security.guard import GuardedLedger
from api.settings import Settings
from api.terminal.environment import ENVIRONMENT, FINDING, OK, USAGE
from ledger.application import Ledger, open_ledger
from ledger.identifiers import Role
from ledger.orders import Order
from tests import examples as x
from tests.api.callers import DEPOSIT, ESCROW, SECRET
from tests.security.conftest import Json

DOCS = Path(__file__).parents[2] / "docs"
BODY = DEPOSIT | {"contract_id": None}


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str) -> Path:
    """A folder of its own, and the settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("LEDGER_TOKEN_SECRET", SECRET)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = OK) -> str:
    capsys.readouterr()
    assert run(arguments) == code, capsys.readouterr().err
    captured = capsys.readouterr()
    return captured.out.strip() or captured.err


def register(capsys: pytest.CaptureFixture[str], client: str = "bank") -> str:
    Path(f"{client}.jwk").write_text(said(capsys, "key", "new", f"{client}.pem"))
    scope = ["--role", "bank", "--scope", "custodians=bank-1"]
    return said(capsys, "key", "register", "--client", client, "--public", f"{client}.jwk", *scope)


def test_a_key_is_made_registered_rotated_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    first = register(capsys)
    assert stat.S_IMODE(Path("bank.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in Path("bank.jwk").read_text()
    said(capsys, "key", "new", "bank.pem", code=USAGE)
    public = json.loads(said(capsys, "key", "new", "next.pem"))["x"]
    second = said(capsys, "key", "rotate", "--client", "bank", "--public", public, "--overlap-days", "0")
    rows = json.loads(said(capsys, "key", "list", "--json"))
    assert {each["key_id"]: each["state"] for each in rows} == {first: "expired", second: "registered"}
    said(capsys, "key", "revoke", second)
    rows = json.loads(said(capsys, "key", "list", "--client", "bank", "--json"))
    assert {each["state"] for each in rows} == {"expired", "revoked"}
    assert rows[0]["registered_by"].startswith("terminal")
    said(capsys, "token", "revoke", "bank")
    assert "revoked" in said(capsys, "key", "list")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["key", "register", "--client", "nobody", "--public", "AAAA"], USAGE),
        (["key", "register", "--client", "bank", "--public", "bank.pem"], USAGE),
        (["key", "register", "--client", "bank", "--public", "bank.jwk"], USAGE),
        (["key", "rotate", "--client", "bank", "--public", "bank.jwk", "--overlap-days", "-1"], USAGE),
        (["key", "revoke", "none"], USAGE),
        (["user", "disable", "nobody"], USAGE),
        (["request", "DELETE", "http://127.0.0.1:1/x", "--client", "bank", "--key", "bank.pem"], USAGE),
        (["request", "GET", "file:///etc/passwd", "--client", "bank", "--key", "bank.pem"], USAGE),
        (["request", "GET", "http://127.0.0.1:1/x", "--client", "bank", "--key", "none.pem"], USAGE),
        (["request", "GET", "http://127.0.0.1:1/x", "--client", "bank", "--key", "bank.pem"], ENVIRONMENT),
    ],
)
def test_what_cannot_be_done_is_a_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
    register(capsys)
    told = said(capsys, *arguments, code=code)
    assert told.startswith("ledger: ")
    assert "Traceback" not in told


@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "en_US.UTF-8"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--client", "bank", "--public", "nofile.jwk"], "没有文件，也不是公钥 There is no file nofile.jwk"),
        (["--client", "bank", "--public", "bank.pem"], "文件不是 Ed25519 公钥（JWK 或 PEM） bank.pem is no Ed25519"),
        (["--client", "bank", "--public", "next.jwk", "--expires-days", "0"], "--expires-days 须在 1 与 3660 之间"),
        (["--client", "a b", "--public", "next.jwk", "--role", "bank", "--scope", "custodians=b"], "名称为 1 至 56 位"),
        (["--client", "new", "--public", "next.jwk", "--role", "bank", "--scope", "district=b"], "--scope: 此角色没有"),
        (["--client", "new", "--public", "next.jwk", "--role", "bank"], "--scope: 此角色须写明 this role needs"),
        (["--client", "new", "--public", "next.jwk", "--role", "auditor"], "--scope: 公职人员须写明辖区"),
    ],
)
def test_what_is_wrong_with_a_key_to_register_is_named_in_both_languages_and_takes_no_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, locale: str, arguments: list[str], told: str
) -> None:
    register(capsys)
    Path("next.jwk").write_text(said(capsys, "key", "new", "next.pem"))
    monkeypatch.setenv("LC_ALL", locale)
    assert said(capsys, "key", "register", *arguments, code=USAGE).startswith(f"ledger: {told}")
    next_one = ["--client", "new", "--public", "next.jwk", "--role", "bank", "--scope", "custodians=b"]
    said(capsys, "key", "register", *next_one, "--expires-days", "1")


def test_users_are_added_and_disabled(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    scope = ["--role", "auditor", "--scope", "jurisdiction=CN"]
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    said(capsys, "user", "add", "lin", *scope, code=USAGE)
    monkeypatch.setattr("sys.stdin", io.StringIO("a password that is long\n"))
    run(["user", "add", "lin", *scope])
    said(capsys, "user", "add", "wang", *scope, "--outside", "auth0|1")
    monkeypatch.setattr("sys.stdin", io.StringIO("another password, also long\n"))
    run(["user", "password", "lin"])
    run(["user", "disable", "wang"])
    users = {each["user"]: each for each in json.loads(said(capsys, "user", "list", "--json"))}
    assert users["lin"]["disabled_at"] is None
    assert users["wang"]["disabled_at"] is not None
    assert users["wang"]["outside_sub"] == "auth0|1"


@pytest.fixture
def served(sqlite_url: str) -> Iterator[str]:
    """The address of a server with I-1 open at bank-1, on the loopback."""
    plain = open_ledger(sqlite_url, now)
    opening = {name: value for name, value in ESCROW.items() if name not in {"institution_id", "jurisdiction"}}
    plain.submit(Order("I-1", "open", x.opening(**opening), "officer", Role.REGULATOR))
    plain.close()
    ledger = GuardedLedger(sqlite_url, now)
    settings = Settings(database_url=sqlite_url, token_secret=SECRET, projector=False)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(create_app(settings, ledger), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
    ledger.close()


def last(url: str) -> Json:
    ledger: Ledger = open_ledger(url, now)
    try:
        return ledger.stream("I-1")[-1]
    finally:
        ledger.close()


def test_a_bank_tries_its_key_with_one_command(
    capsys: pytest.CaptureFixture[str], served: str, sqlite_url: str
) -> None:
    register(capsys)
    Path("deposit.json").write_text(json.dumps(BODY))
    sender = ["--client", "bank", "--key", "bank.pem"]
    url = f"{served}/v1/escrows/I-1/deposits"
    receipt = json.loads(said(capsys, "request", "POST", url, *sender, "--body", "deposit.json"))
    assert receipt["events"][0]["topic"] == "deposit_received.1"
    assert '"@target-uri": ' + url in last(sqlite_url).envelope.signature
    assert "I-1" in said(capsys, "request", "GET", f"{served}/v1/institutions", *sender)
    assert "not_permitted" in said(capsys, "request", "GET", f"{served}/v1/audit-trail", *sender, code=FINDING)
    person = ["PUT", f"{served}/v1/subjects/s-1", *sender, "--body", "deposit.json"]
    assert "not_permitted" in said(capsys, "request", *person, code=FINDING)
    said(capsys, "key", "new", "stranger.pem")
    stranger = ["--client", "bank", "--key", "stranger.pem"]
    assert "client_assertion_invalid" in said(capsys, "request", "GET", url, *stranger, code=FINDING)


def test_the_example_of_the_page_posts_a_signed_deposit(
    capsys: pytest.CaptureFixture[str], served: str, sqlite_url: str
) -> None:
    register(capsys)
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / "access.md").read_text(), re.DOTALL)
    names: dict[str, Json] = {"KEY_FILE": "bank.pem", "CLIENT": "bank", "LEDGER": served, "DEPOSIT": BODY}
    exec(compile(example, "access.md", "exec"), names)
    assert names["answer"].status_code == 201, names["answer"].text
    assert last(sqlite_url).envelope.signature.startswith('"@method": POST')
