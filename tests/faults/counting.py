"""A pytest plugin for row 14: more examples for each operation, and how many generated requests were sent."""

import os
from pathlib import Path
from typing import Any

import pytest
from schemathesis import Case

_sent = [0]


def pytest_configure() -> None:
    """Count every generated request that is held against the description."""
    ask = Case.call_and_validate

    def counted(self: Case, *arguments: Any, **named: Any) -> object:  # noqa: ANN401 - passed on as they are
        _sent[0] += 1
        return ask(self, *arguments, **named)

    Case.call_and_validate = counted  # type: ignore[method-assign, assignment]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As many examples for each operation as LEDGER_FUZZ_EXAMPLES says."""
    for module in {item.module for item in items if isinstance(item, pytest.Function)}:
        module.EXAMPLES = int(os.environ.get("LEDGER_FUZZ_EXAMPLES", module.EXAMPLES))


def pytest_sessionfinish() -> None:
    """Leave the number where it is looked for."""
    Path(os.environ["LEDGER_FUZZ_COUNT"]).write_text(str(_sent[0]), "utf-8")
