"""Bad bodies: each gets a clear problem with a stable code, and changes nothing."""

import json
from typing import Any

import pytest

from api.documents import MAX_BYTES
from api.uploads import MEDIA_TYPES
from ledger.identifiers import Role
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, Callers, Json, code

NEW = ESCROW | {"institution_id": "I-2"}
ENVELOPE = json.dumps(NEW)[:-1]


@pytest.mark.parametrize(
    ("raw", "status", "expected"),
    [
        (b"", 400, "body_not_json"),
        (b"{", 400, "body_not_json"),
        (b'{"a": NaN}', 422, "invalid_body"),
        (b"\xef\xbb\xbf{}", 400, "body_not_json"),
        (b"\xff\xfe{}", 400, "body_not_utf8"),
        (json.dumps(ESCROW, ensure_ascii=False).encode("gb18030"), 400, "body_not_utf8"),
        (b"[" * 100_000, 400, "body_too_deep"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, 400, "body_too_deep"),
        (b"[]", 422, "invalid_body"),
        (b'"text"', 422, "invalid_body"),
        (b"null", 422, "invalid_body"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_is_not_a_json_object_is_refused(refusing: Callers, raw: bytes, status: int, expected: str) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", raw)
    assert (answer.status_code, code(answer)) == (status, expected)


@pytest.mark.parametrize(
    ("change", "pointer", "expected"),
    [
        ({"surprise": 1}, "/surprise", "unknown_field"),
        ({"licensed": "yes"}, "/licensed", "wrong_type"),
        ({"licensed": 1}, "/licensed", "wrong_type"),
        ({"category": "chess"}, "/category", "not_one_of"),
        ({"custodian": "a b"}, "/custodian", "malformed"),
        ({"custodian": "bank-1\n"}, "/custodian", "malformed"),
        ({"institution_id": "../x"}, "/institution_id", "malformed"),
        ({"district": "海淀\u0000区"}, "/district", "control_character"),
        ({"district": "海淀\n区"}, "/district", "malformed"),
        ({"district": ""}, "/district", "too_short"),
        ({"district": "x" * 501}, "/district", "too_long"),
        ({"effective_at": "2026-09-01T10:00:00"}, "/effective_at", "malformed_instant"),
        ({"effective_at": 5}, "/effective_at", "malformed_instant"),
        ({"a/b~c": 1.5}, "/a~1b~0c", "float_not_allowed"),
    ],
)
def test_a_wrong_field_is_named_by_a_pointer(
    refusing: Callers, change: dict[str, Any], pointer: str, expected: str
) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", NEW | change)
    assert (answer.status_code, code(answer)) == (422, "invalid_body")
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, expected)]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("100.0", "float_not_allowed"),
        ("1e3", "float_not_allowed"),
        ("1.5", "float_not_allowed"),
        ("Infinity", "float_not_allowed"),
        ('"100"', "wrong_type"),
        ("true", "wrong_type"),
        ("null", "wrong_type"),
        ("0", "out_of_range"),
        ("-5", "out_of_range"),
        ("1" + "0" * 15 + "1", "out_of_range"),
        ("9" * 5000, "out_of_range"),
    ],
)
def test_money_is_a_positive_whole_number_of_fen(refusing: Callers, amount: str, expected: str) -> None:
    raw = json.dumps({**DEPOSIT, "bank_serial": "n", "amount_fen": "@"}).replace('"@"', amount).encode()
    answer = refusing.of(Role.BANK).post("/v1/escrows/I-1/deposits", raw)
    assert (answer.status_code, code(answer)) == (422, "invalid_body")
    assert answer.json()["errors"] == [
        {"code": expected, "message": answer.json()["errors"][0]["message"], "pointer": "/amount_fen"}
    ]


@pytest.mark.parametrize("hours", ["17.555", "1e1", "-1", "", "１", " 1", "1.", 1, 1.5, None])
def test_class_hours_are_decimal_strings_of_two_places(refusing: Callers, hours: Json) -> None:
    lesson = {"contract_id": "C-1", "lesson_id": "L", "hours": hours, "taught_on": "2026-09-01"}
    answer = refusing.of(Role.INSTITUTION).post("/v1/escrows/I-1/class-consumption-claims", {"lessons": [lesson]})
    assert (answer.status_code, code(answer)) == (422, "invalid_body")
    assert answer.json()["errors"][0]["pointer"] == "/lessons/0/hours"


@pytest.mark.parametrize("day", ["2026-02-30", "2026-9-1", "01.09.2026", "2026-09-01T00:00:00", 20260901])
def test_business_dates_are_iso_days(refusing: Callers, day: Json) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows/I-1/day-seals", {"business_on": day})
    assert (answer.status_code, code(answer)) == (422, "invalid_body")
    assert answer.json()["errors"][0]["pointer"] == "/business_on"


def test_a_member_that_stands_twice_is_refused(refusing: Callers) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", f'{ENVELOPE}, "licensed": true}}'.encode())
    assert answer.json()["errors"][0]["code"] == "repeated_member"
    assert answer.json()["errors"][0]["pointer"] == "/licensed"


def test_fields_that_contradict_each_other_are_told_together(refusing: Callers) -> None:
    body = CONTRACT | {"contract_id": "C-9", "terms": {"list_price_disclosed": True}}
    answer = refusing.of(Role.INSTITUTION).post("/v1/escrows/I-1/contracts", body)
    assert (answer.status_code, code(answer)) == (422, "invalid_body")
    (error,) = answer.json()["errors"]
    assert (error["code"], error["pointer"]) == ("contradictory", "/terms")
    assert "list_unit_price_fen" in error["message"]


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"list_price_disclosed": True}, "a disclosed list price is stated"),
        ({"unlimited_pass": True, "bonus_fen": 1}, "measured by its term"),
        ({"tiers": [{"used_over_hours": "1", "refund_percent": 5}] * 2}, "two tiers begin"),
    ],
)
def test_what_contradicts_what_is_told_in_both_languages(refusing: Callers, terms: Json, told: str) -> None:
    body, institution = CONTRACT | {"contract_id": "C-9", "terms": terms}, refusing.of(Role.INSTITUTION)
    messages = [
        institution.post("/v1/escrows/I-1/contracts", body, **{"Accept-Language": each}).json()["errors"][0]["message"]
        for each in ("en", "zh")
    ]
    assert told in messages[0]
    assert not messages[1].isascii()


def test_half_a_surrogate_pair_is_refused(refusing: Callers) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", f'{ENVELOPE}, "district": "\\ud800"}}'.encode())
    assert {each["code"] for each in answer.json()["errors"]} == {"repeated_member", "control_character"}


def test_all_wrong_fields_are_told_at_once_and_their_number_is_bounded(refusing: Callers) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", {f"x{n}": 1 for n in range(500)})
    assert answer.json()["fields"]["count"] == 510
    assert len(answer.json()["errors"]) == 50


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "application/xml"]
)
def test_another_content_type_is_refused(refusing: Callers, kind: str) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", ESCROW, Content_Type=kind)
    assert (answer.status_code, code(answer)) == (415, "content_type_unsupported")
    assert answer.json()["fields"]["accepted"].startswith("application/json")


def test_a_compressed_body_is_refused_unread(refusing: Callers) -> None:
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", b"\x1f\x8b", Content_Encoding="gzip")
    assert (answer.status_code, code(answer)) == (415, "content_type_unsupported")


@pytest.mark.parametrize("header", [{"Content_Type": "application/json"}, {"Content_Encoding": "gzip"}], ids=str)
def test_a_file_of_another_type_is_told_which_are_taken(refusing: Callers, header: dict[str, str]) -> None:
    kinds = {"Content_Type": "text/csv", "Accept_Language": "zh"} | header
    answer = refusing.of(Role.BANK).post("/v1/escrows/I-1/statement-files", b"x", **kinds)
    assert (answer.status_code, code(answer)) == (415, "content_type_unsupported")
    assert answer.json()["fields"]["accepted"] == ", ".join(MEDIA_TYPES)
    assert "请以 text/csv, " in answer.json()["detail"]


def test_a_body_over_a_mebibyte_is_refused(refusing: Callers) -> None:
    raw = f'{ENVELOPE}, "district": "'.encode() + b"x" * MAX_BYTES + b'"}'
    answer = refusing.of(Role.REGULATOR).post("/v1/escrows", raw)
    assert (answer.status_code, code(answer)) == (413, "body_too_large")


def test_a_body_whose_length_is_not_declared_is_bounded_too(refusing: Callers) -> None:
    caller = refusing.of(Role.REGULATOR)
    chunks = (b"x" * 65536 for _ in range(40))
    headers = caller.headers | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = caller.client.post("/v1/escrows", content=chunks, headers=headers)
    assert (answer.status_code, code(answer)) == (413, "body_too_large")
