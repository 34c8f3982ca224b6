"""What leaves for a spreadsheet is text, whatever a name or a reason begins with."""

import io
from collections.abc import Iterable
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from api.reads.files import FORMATS, text_cell

HOSTILE = ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "\n=1", "=cmd|'/c calc'!a1", "＝1", "＋1", "－1", "＠x"]


def written(suffix: str, rows: Iterable[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    FORMATS[suffix].write(file, ["name"], rows)
    return file.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_looks_like_a_formula_is_neutralised(text: str) -> None:
    assert text_cell(text) == f"'{text}"
    (line,) = written("csv", [{"name": text}]).decode("utf-8-sig").split("\r\n", 1)[1:]
    assert line.lstrip('"').startswith("'")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(written("xlsx", [{"name": text}]))).get_sheet_by_index(0)
    assert str(sheet.to_python()[1][0]).startswith("'")
    assert b"<f>" not in written("xlsx", [{"name": text}])


@pytest.mark.parametrize("value", ["晨光", "1-1", "a=b", "", 5, -5, None])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert text_cell(value) == value


def test_lists_are_cells_of_text() -> None:
    assert text_cell(["=1"]) == '["=1"]'
