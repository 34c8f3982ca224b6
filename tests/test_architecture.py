"""The house: layers, a core without clock or float, short files named for what they hold, complete vocabularies."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from ledger import events as e
from ledger.commands import COMMANDS
from ledger.decisions.context import DECISIONS
from ledger.evolution import FOLDS
from ledger.postings import POSTINGS
from ledger.rejections import REJECTIONS
from ledger.serialization import TOPICS
from ledger.sheets import SHEETS
from ledger.vocabulary import page

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for top in ("ledger", "projections", "api") for path in (ROOT / top).rglob("*.py"))
LAYERS = {"ledger": 0, "projections": 1, "api": 2}
MOST_LINES = 300
TABLES_OF_CONTENTS = {"ledger/commands.py", "ledger/events.py", "ledger/rejections.py", "ledger/sheets.py"}
"""Vocabularies that are read as one page."""
NOT_PURE = {"store", "application", "serialization", "audit", "log", "vocabulary", "answers"}
OUTSIDE = {"sqlalchemy", "eventsourcing", "fastapi", "psycopg", "starlette", "alembic", "httpx", "requests"}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "service", "services", "manager", "base", "common", "misc", "core"}
WALL_CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"}
OF_A_CLOCK = {"datetime", "date", "time"}
PERSONAL = {"name", "phone", "mobile", "id_card", "id_number", "birthday", "address", "email", "card_no"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), name_of(path))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def pure() -> list[Path]:
    return [path for path in SOURCES if path.parts[len(ROOT.parts)] == "ledger" and not NOT_PURE & {*_parts(path)}]


def _parts(path: Path) -> Iterator[str]:
    yield from path.relative_to(ROOT / "ledger").with_suffix("").parts


def test_there_is_a_house_to_look_at() -> None:
    assert len(SOURCES) > 80
    assert len(pure()) > 40


def test_layers_look_down_only() -> None:
    for path in SOURCES:
        here = LAYERS[name_of(path).split("/")[0]]
        for imported in imports(path):
            assert LAYERS.get(imported.split(".")[0], -1) <= here, f"{name_of(path)} imports {imported}"


def test_the_core_knows_neither_store_nor_web() -> None:
    for path in pure():
        for imported in imports(path):
            top, *below = imported.split(".")
            assert top not in OUTSIDE, f"{name_of(path)} imports {imported}"
            assert top != "ledger" or not below or below[0] not in NOT_PURE - {"answers", "log"}, name_of(path)


def nodes(paths: Iterable[Path]) -> Iterator[tuple[str, ast.AST]]:
    for path in paths:
        for node in ast.walk(tree_of(path)):
            yield f"{name_of(path)}:{getattr(node, 'lineno', 0)}", node


def test_nobody_below_the_api_looks_at_the_clock_on_the_wall() -> None:
    for where, node in nodes(path for path in SOURCES if not name_of(path).startswith("api/")):
        if isinstance(node, ast.Attribute) and node.attr in WALL_CLOCKS:
            owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
            assert owner not in OF_A_CLOCK, f"{where} {owner}.{node.attr}"


def test_the_core_knows_no_float() -> None:
    for where, node in nodes(pure()):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), where
        assert not (isinstance(node, ast.Name) and node.id == "float"), where


def test_files_are_short_named_for_what_they_hold_and_say_it() -> None:
    for path in SOURCES:
        length = len(path.read_text("utf-8").splitlines())
        assert path.stem not in EMPTY_NAMES, name_of(path)
        assert length <= MOST_LINES or name_of(path) in TABLES_OF_CONTENTS, f"{name_of(path)}: {length} lines"
        assert ast.get_docstring(tree_of(path)), f"{name_of(path)} does not say what it holds"


def test_nothing_is_left_undone() -> None:
    for path in SOURCES:
        text = path.read_text("utf-8")
        for word in ("TODO", "FIXME", "raise NotImplementedError", "pragma: no cover"):
            assert word not in text, f"{name_of(path)}: {word}"


def test_every_command_has_a_decision_and_a_docstring() -> None:
    assert set(DECISIONS) == set(COMMANDS.values())
    for command in COMMANDS.values():
        assert command.__doc__
        assert command.by, command.name


def test_every_event_has_a_name_a_fold_and_a_docstring() -> None:
    kinds = set(get_args(e.Happening))
    assert set(FOLDS) == set(TOPICS) == kinds
    assert set(POSTINGS) <= kinds
    assert kinds == {
        kind for kind in vars(e).values()
        if isinstance(kind, type) and issubclass(kind, e.Event) and kind not in {e.Event, e.RefundAgreement}
    }  # fmt: skip
    for kind in kinds:
        assert kind.__doc__, kind
        assert kind.__struct_config__.frozen, kind


def test_every_sheet_is_addressed_by_its_own_fields() -> None:
    for name, sheet in SHEETS.items():
        assert sheet.kind == name
        assert set(sheet.names) <= set(sheet.__struct_fields__)


def test_money_hours_instants_and_days_are_named_for_their_units() -> None:
    for struct in (*get_args(e.Happening), *SHEETS.values()):
        for field, kind in struct.__annotations__.items():
            if field.endswith(("_fen", "_centihours", "_at")):
                assert kind in {int, int | None}, (struct, field)
            if field.endswith("_on"):
                assert "date" in str(kind), (struct, field)


def test_every_rejection_has_typed_fields_and_no_http() -> None:
    text = (ROOT / "ledger" / "rejections.py").read_text("utf-8")
    assert "http" not in text.lower()
    for code, kind in REJECTIONS.items():
        assert kind.code == code
        assert kind.__doc__


def test_no_event_carries_personal_data_of_a_family() -> None:
    of_institutions = {e.EscrowOpened, e.InstitutionRenamed}
    for kind in set(get_args(e.Happening)) - of_institutions:
        assert PERSONAL.isdisjoint(kind.__struct_fields__), kind


def test_the_page_of_events_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "events.md").read_text("utf-8")
    assert written == page(), "python -m ledger.vocabulary > docs/events.md"
