"""What the README says is what the program does."""

import json
import re
import shlex
from pathlib import Path

import pytest

from api.cli import COMMANDS, app
from ledger.entitlement import EntitlementRequest, entitle

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)


def test_the_readme_fits_on_three_screens() -> None:
    assert len(README.splitlines()) <= 150


def test_the_first_block_is_the_two_commands() -> None:
    assert BLOCKS[0] == ("", "pip install uv && uv run ledger demo\nuv run pytest\n")


def _asked() -> list[str]:
    lines = [line.partition("#")[0].strip() for _, block in BLOCKS for line in block.splitlines()]
    return [line.removeprefix("uv run ledger ") for line in lines if line.startswith("uv run ledger ")]


@pytest.mark.parametrize("asked", _asked())
def test_every_command_it_names_can_be_given_like_that(asked: str) -> None:
    words = shlex.split(asked)
    assert words[0] in {name for name, _, _ in COMMANDS}
    command, arguments, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert callable(command)
    assert arguments is not None


def test_its_example_calculation_gives_the_figures_it_states() -> None:
    (request,) = [block for kind, block in BLOCKS if kind == "json"]
    derivation = entitle(EntitlementRequest.model_validate_json(request).facts())
    said = {name: int(fen) for name, fen in re.findall(r"`(\w+_fen)` (\d+)", README)}
    assert said == {
        "binding_refund_fen": derivation.binding_refund_fen,
        "claimable_fen": derivation.claimable_fen,
    }
    assert json.loads(request)["claim_fen"] == derivation.claimable_fen


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)", README))
def test_every_page_it_links_to_is_there(target: str) -> None:
    assert (ROOT / target).exists()
