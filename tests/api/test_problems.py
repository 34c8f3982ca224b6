"""The problem catalogue: total, in two languages, with fields that exist; and nothing of the inside in it."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

import api.app
import api.bankfiles
import ledger
import projections
from api.language import LANGUAGES, preferred
from api.problems import STATUS, Catalogue, problem_of
from api.problems.problem import body_of
from api.security.guard import GuardedLedger
from ledger.identifiers import Role
from ledger.rejections import Rejection
from ledger.store.failures import OutcomeUnknown, StoreUnavailable
from tests.api.callers import ESCROW, Callers, Json, code

SOURCES = Path(api.app.__file__).parent
SAMPLES: dict[object, object] = {int: 123_456, str: "C-1", date: date(2026, 9, 1)}


def subclasses(kind: type[Rejection] = Rejection) -> Iterator[type[Rejection]]:
    """Every rule there is, wherever it stands."""
    for each in kind.__subclasses__():
        if each.__module__.partition(".")[0] in {"ledger", "projections", "api"}:
            yield each
        yield from subclasses(each)


for package in (ledger, projections, api.bankfiles):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
RULES = sorted(subclasses(), key=lambda each: (each.code, each.__module__))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.__module__}.{rule.__name__}")
def test_every_rule_has_a_status_and_a_sentence_with_its_fields_in_both_languages(rule: type[Rejection]) -> None:
    catalogue = Catalogue()
    assert 400 <= STATUS[rule.code] < 500
    sample = rule(**{each.name: SAMPLES.get(each.type, date(2026, 9, 1)) for each in fields(rule)})
    for language in LANGUAGES:
        body = body_of(problem_of(sample), catalogue, language)
        assert body.title
        assert "{" not in body.detail
        for name, value in sample.details().items():
            if f"{{{name}}}" in catalogue.pattern(body.code, language) and name.endswith("_fen"):
                assert "1234.56" in body.detail, (name, value)


def test_the_catalogue_and_the_table_of_statuses_are_the_same_codes() -> None:
    catalogue = Catalogue()
    for language in LANGUAGES:
        assert catalogue.ids(language, "title") == set(STATUS)
        assert catalogue.ids(language, "detail") == set(STATUS)


def test_both_languages_say_the_same_things() -> None:
    catalogue = Catalogue()
    assert catalogue.ids("zh", "word") == catalogue.ids("en", "word")
    assert catalogue.ids("zh", "field") == catalogue.ids("en", "field")
    for problem in STATUS:
        assert catalogue.placeholders(problem, "zh") == catalogue.placeholders(problem, "en"), problem
        assert catalogue.title(problem, "zh") != catalogue.title(problem, "en")


def test_every_code_that_the_sources_name_is_in_the_table() -> None:
    text = "".join(path.read_text() for path in sorted(SOURCES.rglob("*.py")))
    named = set(re.findall(r"Problem\(\s*\"([a-z_0-9]+)\"", text))
    assert len(named) > 20
    assert named <= set(STATUS)


def test_every_code_of_a_field_error_has_its_message() -> None:
    text = "".join(path.read_text() for path in sorted(SOURCES.rglob("*.py")))
    named = set(re.findall(r"FieldError\(\s*\"([a-z_]+)\"", text)) | set(api.documents._CODES.values())
    assert {"unknown_parameter", "required", "unknown_command"} <= named
    assert named <= Catalogue().ids("zh", "field")


def test_no_sentence_is_for_a_code_that_nothing_says() -> None:
    text = "".join(path.read_text() for path in sorted(SOURCES.rglob("*.py")))
    said = {rule.code for rule in RULES} | set(re.findall(r"\"([a-z_0-9]+)\"", text.replace("STATUS", "")))
    assert set(STATUS) <= said


def test_money_dates_hours_and_words_are_told_in_the_readers_language() -> None:
    catalogue = Catalogue()
    fen = {"contract_id": "C-1", "releasable_fen": 5, "asked_fen": 123_456_789}
    assert catalogue.detail("release_exceeds_earned", fen, "zh") == "合同 C-1 可拨付 0.05 元，请求 1234567.89 元。"
    assert "1234567.89 yuan was asked for" in catalogue.detail("release_exceeds_earned", fen, "en")
    state = {"refund_id": "R-1", "status": "requested"}
    assert catalogue.detail("refund_not_in_state", state, "zh") == "退费 R-1 状态为“已申请”。"
    for which, said in (("closing_balance", "期末余额"), ("opening_balance", "期初余额"), ("credits", "贷方合计")):
        totals = {"which": which, "computed_fen": 100, "stated_fen": 200}
        told = f"“{said}”：计算为 1.00 元，对账单写为 2.00 元。"
        assert catalogue.detail("statement_totals_differ", totals, "zh") == told
    used = {"unit": "centihour", "used": 1750, "bought": 1000}
    assert catalogue.detail("used_exceeds_bought", used, "en") == "17.5 used, 10 paid for and given."
    assert "17.50 yuan" in catalogue.detail("used_exceeds_bought", used | {"unit": "fen"}, "en")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr,en;q=0.5,zh;q=0.4", "en"),
        ("fr", "zh"),
        ("*", "zh"),
        ("en;q=0", "zh"),
        ("en;q=banana", "zh"),
        ("," * 10_000 + "en", "zh"),
    ],
)
def test_the_language_is_chosen_by_preference_and_is_chinese_by_default(accepted: str | None, language: str) -> None:
    assert preferred(accepted) == language


def test_a_problem_says_its_language_and_can_be_looked_up_by_its_type(callers: Callers) -> None:
    answer = callers.of(Role.REGULATOR).post("/v1/escrows/I-9/day-seals", {"business_on": "2026-08-31"})
    assert answer.headers["content-language"] == "en"
    assert "Accept-Language" in answer.headers["vary"]
    meaning = callers.client.get(answer.json()["type"], headers={"Accept-Language": "zh"}).json()
    assert meaning["code"] == "escrow_unknown"
    assert meaning["status"] == 404
    assert meaning["title"] == "没有这个托管账户"


def test_the_trace_id_of_the_caller_is_kept(callers: Callers) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = callers.of(Role.REGULATOR).get("/nowhere", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert code(answer) == "not_found"
    assert answer.json()["trace_id"] == trace


@pytest.mark.parametrize(
    ("failure", "status", "expected"),
    [
        (StoreUnavailable("secret host 10.0.0.1"), 503, "store_unavailable"),
        (OutcomeUnknown("secret host 10.0.0.1"), 503, "outcome_unknown"),
        (OperationalError("select secret", {"name": "secret"}, Exception("secret")), 503, "store_unavailable"),
        (AssertionError("secret row"), 500, "internal_error"),
        (RuntimeError("secret row"), 500, "internal_error"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_goes_wrong_inside_is_told_without_the_inside(
    callers: Callers,
    guarded: GuardedLedger,
    capfd: pytest.CaptureFixture[str],
    failure: Exception,
    status: int,
    expected: str,
) -> None:
    def fail(*_: Json) -> Json:
        raise failure

    guarded._clerk.decide = fail
    caller = callers.of(Role.REGULATOR)
    answer = caller.post("/v1/escrows", ESCROW)
    assert (answer.status_code, code(answer)) == (status, expected)
    printed = capfd.readouterr()
    for text in (answer.text, printed.out, printed.err):
        assert "secret" not in text
        assert "Traceback" not in text
        assert caller.headers["Authorization"].split()[1] not in text
    assert ("retry-after" in answer.headers) is (status == 503)


def test_an_unknown_outcome_asks_for_the_same_key() -> None:
    assert "same key" in Catalogue().detail("outcome_unknown", {}, "en")


def test_methods_that_do_not_exist_are_refused_as_problems(client: TestClient) -> None:
    answer = client.delete("/v1/escrows/I-1")
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
