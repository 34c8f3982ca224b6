"""The pages about the API, the command line and the settings say what is there: every route, command and setting."""

from collections.abc import Iterator
from pathlib import Path

from starlette.testclient import TestClient

from api.cli import COMMANDS
from api.nouns import NOUNS, OPENING
from api.problems import STATUS
from api.settings import Settings
from tests.api.test_access import APART, READS, routes

DOCS = Path(__file__).parents[2] / "docs"


def command_rows() -> Iterator[str]:
    """A line for each command."""
    for noun, kind in NOUNS.items():
        path = "/v1/escrows" if noun == OPENING else f"…/{noun}"
        yield f"| `{path}` | `{kind.name}` | {', '.join(sorted(role.value for role in kind.by))} |"


def read_rows() -> Iterator[str]:
    """A line for each read, with who may."""
    for path, roles in sorted({**READS, **APART}.items()):
        yield f"| `{path}` | {', '.join(sorted(role.value for role in roles))} |"


def setting_rows() -> Iterator[str]:
    """A line for each setting."""
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        yield f"| `LEDGER_{name.upper()}` | {default} | {field.description} |"


def test_every_command_stands_in_the_page_with_its_roles() -> None:
    page = (DOCS / "api.md").read_text().splitlines()
    assert [row for row in command_rows() if row not in page] == []
    assert sum(line.startswith(("| `…/", "| `/v1/escrows` |")) for line in page) == len(NOUNS)


def test_every_read_stands_in_the_page_with_its_readers(client: TestClient) -> None:
    page = (DOCS / "api.md").read_text().splitlines()
    assert [row for row in read_rows() if row not in page] == []
    for _, path in routes(client.app):
        stem = path.removesuffix(".csv").removesuffix(".xlsx").removesuffix(".ndjson")
        noun = stem.rpartition("/")[2]
        assert any(f"`{each}`" in line for line in page for each in (stem, f"…/{noun}")), path


def test_every_setting_stands_in_the_page() -> None:
    page = (DOCS / "settings.md").read_text().splitlines()
    assert [row for row in setting_rows() if row not in page] == []
    assert sum(line.startswith("| `LEDGER_") for line in page) == len(Settings.model_fields)


def test_every_command_of_the_terminal_stands_in_the_page() -> None:
    page = (DOCS / "cli.md").read_text()
    assert [name for name, _, _ in COMMANDS if f"`ledger {name}" not in page] == []


def test_statuses_that_the_page_explains_are_those_that_problems_have() -> None:
    page = (DOCS / "api.md").read_text()
    assert [status for status in sorted(set(STATUS.values())) if f"| {status} |" not in page] == []
