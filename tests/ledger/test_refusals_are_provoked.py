"""Every rule that the ledger may name is raised by some decision and provoked by some test; every command is asked."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ledger.commands import COMMANDS
from ledger.rejections import REJECTIONS

ROOT = Path(__file__).parents[2]
TESTS = [*(ROOT / "tests").rglob("*.py")]
RULES = {kind.__name__ for kind in REJECTIONS.values()}


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))


def _names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        name = each.attr if isinstance(each, ast.Attribute) else each.id if isinstance(each, ast.Name) else ""
        if name in RULES:
            yield name


def _provoked() -> set[str]:
    """Rules in `….refused(no.Rule…)` or `pytest.raises(Rule…)`, which pass only when that rule was raised."""
    judged = (
        call
        for path in TESTS
        for call in _calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"refused", "raises"}
    )
    return {name for call in judged for argument in call.args for name in _names(argument)}


def _raised() -> set[str]:
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "ledger").rglob("*.py")]
    raises = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    return {name for node in raises if node.exc is not None for name in _names(node.exc)}


def test_every_rule_is_raised_somewhere() -> None:
    assert RULES - _raised() == set()


def test_every_rule_is_provoked_by_a_test() -> None:
    assert RULES - _provoked() == set()


def test_every_command_is_asked_by_a_test() -> None:
    texts = "".join(path.read_text("utf-8") for path in TESTS)
    unasked = {kind.__name__ for kind in COMMANDS.values() if f"c.{kind.__name__}" not in texts}
    assert unasked == set()


def test_codes_are_snake_case_names_of_their_rules_and_unique() -> None:
    for code, kind in REJECTIONS.items():
        assert code == kind.code
        assert code.replace("_", "") == kind.__name__.lower()
        assert kind.__doc__
    assert len(RULES) == len(REJECTIONS)
