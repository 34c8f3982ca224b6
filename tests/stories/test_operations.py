"""The page for clerks and officers: every command in it can be given like that, and its words are the program's."""

import re
import shlex
from pathlib import Path

import pytest

from api.bankday.numbers import read_file_id
from api.cli import COMMANDS, app

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operations.md").read_text("utf-8")
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]
ASKED = [line.removeprefix("ledger ") for line in LINES if line.startswith("ledger ")]


def test_its_blocks_hold_commands_and_settings_only() -> None:
    assert len(ASKED) > 20
    settings = [line for line in LINES if not line.startswith("ledger ")]
    named = (DOCS / "settings.md").read_text("utf-8")
    for line in settings:
        found = re.fullmatch(r"export (LEDGER_[A-Z_]+)=\S+", line)
        assert found, line
        assert f"`{found[1]}`" in named


@pytest.mark.parametrize("asked", ASKED)
def test_every_command_can_be_given_like_that(asked: str) -> None:
    words = shlex.split(asked)
    command, arguments, ignored = app.parse_args(words, exit_on_error=False, print_error=False)
    assert callable(command)
    assert arguments.args or arguments.kwargs or words[0] in {"checkpoint", "verify"}
    assert not ignored


def test_it_names_the_whole_day_of_both() -> None:
    given = {asked.split()[0] for asked in ASKED}
    day = {"import-statement", "reconcile", "release", "refund-run", "import-payment-status", "eod"}
    end = {"refunds-due", "close", "distribute", "export", "backup", "checkpoint", "verify", "receipt", "key", "vault"}
    assert day | end <= given


def test_a_lost_payment_file_is_asked_for_by_its_id() -> None:
    (asked,) = re.findall(r"`ledger (payment-file [^`]+)`", PAGE)
    _, arguments, _ = app.parse_args(shlex.split(asked), exit_on_error=False, print_error=False)
    assert read_file_id(arguments.args[0]) is not None


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`ledger ([a-z-]+)", PAGE))))
def test_commands_named_in_its_text_exist(named: str) -> None:
    assert named in {name for name, _, _ in COMMANDS}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE))))
def test_every_page_it_links_to_is_there(target: str) -> None:
    assert (DOCS / target).exists()


@pytest.mark.parametrize("code", ["payment_unknown", "payment_amount_differs", "payment_contradicted"])
def test_the_codes_it_names_are_the_programs(code: str) -> None:
    assert f"`{code}`" in PAGE
    assert code in (DOCS / "payments.md").read_text("utf-8")
