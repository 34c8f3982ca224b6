"""Two officers at the terminal of a school whose custody is short."""

import io
import json
from contextlib import AbstractContextManager

import pytest

from api.approvals.deciding import Decision, decide
from api.cli import run
from api.terminal.officers import Desk, signed_in
from ledger.application import open_ledger
from ledger.events import Event
from tests.closing.schools import SCHOOL

PASSWORD = "correct horse battery staple"
ABNORMAL = ("--cause", "abnormal", "--date", "2026-09-01", "--reason", "gone")
ORDER_NO = ("--order-no", "函 9")


class Terminal:
    """Runs command lines, with the password on standard input."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        self._type_password()
        code = run(arguments)
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def propose(self, deed: str, *options: str) -> str:
        """The first officer proposes; the id of the proposal."""
        code, told, said = self(deed, SCHOOL, *options, "--as", "officer-1", "--propose", "--json")
        assert code == 0, said
        return str(json.loads(told)["approval_id"])

    def close(self) -> None:
        """Both close the school."""
        approval = self.propose("close", *ABNORMAL)
        code, _, said = self("close", SCHOOL, "--approve", approval, *ORDER_NO, "--as", "officer-2")
        assert code == 0, said

    def desk(self, name: str) -> AbstractContextManager[Desk]:
        """An officer's desk."""
        self._type_password()
        return signed_in(name)

    def decide(self, approval_id: str, decision: Decision) -> str:
        """The second officer decides elsewhere, and nothing goes on; the state it is in."""
        with self.desk("officer-2") as desk:
            return decide(desk.runtime, approval_id, desk.mandate, decision, "").state

    def events(self, kind: type[Event]) -> list[Event]:
        """What was recorded about the school, of one kind."""
        ledger = open_ledger(self._url, lambda: 0)
        found = [one.event for one in ledger.stream(SCHOOL) if isinstance(one.event, kind)]
        ledger.close()
        return found

    def _type_password(self) -> None:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
