"""Walks along the links of the description: what one answer names is asked next, by whoever may; no 5xx, no drift.

The requests, the links and the checks are schemathesis', the walk is not: its own state machine starts anywhere with
names that nobody knows, and among 1,161 requests of it no lesson was confirmed and no refund ordered. Here each walk
opens an escrow and follows what the answers lead to, the banks sign, a second officer decides what a first one
proposed, and bodies begin as the example of the description, because no random contract is ever paid. Whatever a
link leads to must be there, and a command that is sent again under its key must be answered as before.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.transforms import UNRESOLVABLE
from schemathesis.generation.stateful.state_machine import StepOutput
from schemathesis.specs.openapi import expressions
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from ledger.identifiers import Role
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, SCOPES, Caller, Json
from tests.api.fuzzing import EXAMPLES, KEYS, Fuzzed, name_of, roles_of, seeded, sent_by, whole

WALKS, STEPS = EXAMPLES * 5, 40
FEN = [1, 10_000, 20_000, 360_000, 720_000]
SAMPLES: dict[str, list[Json]] = {
    "hours": ["0.5", "1", "2", "36"],
    "on": ["2026-09-01", "2026-09-01", "2026-09-01", "2026-09-01", "2026-08-31", "2026-09-02"],
    "ends_on": ["2026-11-15", "2026-11-15", "2026-09-01"],
}
NAMED = {
    "contract_id",
    "refund_id",
    "case_id",
    "lesson_id",
    "instruction_id",
    "release_id",
    "bank_serial",
    "deduction_id",
}
ELSEWHEN = {"as_of", "known_at", "at_position", "after", "epoch", "lane", "dry_run"}
"""Parameters whose answer depends on the hour, or on how far other walks brought the log."""
NOT_THERE_YET = {"not_yet_signed", "not_sealed"}
"""What may be missing of something that a link leads to."""
OF_SOME = {"get_subject", "get_event", "get_stored_event", "get_event_proof"}
"""What is not there for every role that may ask: a guardian has only what is theirs."""
NAMED_ONLY = ("record_deposit", "contract_unknown")
"""A payment may name a contract that nobody registered: money is never turned away."""
_LESSON = {"lesson_id": "L-1", "hours": "1", "taught_on": "2026-09-01"}
PLAIN: dict[str, Json] = {
    "open_escrow": ESCROW,
    "register_contract": CONTRACT,
    "record_deposit": DEPOSIT,
    "claim_lessons": {"lessons": [_LESSON]},
    "instruct_release": {"release_id": "P-1", "lines": [{"amount_fen": 10_000}]},
    "instruct_refund": {"instruction_id": "N-1"},
    "order_refund": {"cause": "institution", "basis": "合同约定"},
}
"""Bodies on the way to a goal, where the example would be refused."""
GOALS = {
    "a release": "claim_lessons confirm_lessons instruct_release settle_release",
    "a refund": "request_refund order_refund instruct_refund settle_refund",
    "a settlement": "open_mediation accept_mediation agree_settlement",
    "a dispute": "claim_lessons dispute_lesson decide_dispute",
    "a thaw": "freeze_escrow unfreeze_escrow decide_approval",
    "a closure": "declare_closure decide_approval",
    "a person": "mint_subject keep_subject get_subject",
}
"""Where a walk may be bound for; between the steps to it, it strays."""


def plausible(name: str, value: Json) -> st.SearchStrategy[Json]:
    """What may stand in a body in place of an example: another id of a few, another amount, another day."""
    if isinstance(value, dict):
        return st.fixed_dictionaries({each: plausible(each, given) for each, given in value.items()})
    if isinstance(value, list):
        return st.tuples(*(plausible(name, each) for each in value)).map(list)
    if name.endswith("_fen") and isinstance(value, int):
        return st.sampled_from([value, *FEN])
    if name in NAMED:
        return st.sampled_from([value, value, value, f"{value}b"])
    kind = name if name in SAMPLES else name.rpartition("_")[2]
    return st.sampled_from(SAMPLES.get(kind, [value]))


def merged(body: Json, told: Json) -> Json:
    """The body with what a link hands on."""
    if isinstance(body, dict) and isinstance(told, dict):
        return body | {name: merged(body.get(name), each) for name, each in told.items()}
    if isinstance(body, list) and isinstance(told, list):
        return [*map(merged, body, told), *body[len(told) :]] or told
    return told


def said(given: Json, answered: StepOutput) -> Json:
    """What expressions of a link stand for, without what the answer did not say."""
    if isinstance(given, dict):
        found = {name: said(each, answered) for name, each in given.items()}
        return {name: each for name, each in found.items() if each is not UNRESOLVABLE and each is not None}
    if isinstance(given, list):
        return [said(each, answered) for each in given]
    return expressions.evaluate(given, answered)


class Company:
    """Everybody who asks in a walk, and what they are for: nothing of another walk, so that a walk can be repeated."""

    def __init__(self, fuzzed: Fuzzed, number: int) -> None:
        place = {"jurisdiction": "CN-BJ", "district": f"{number} 区"}
        self.own = {"institution_id": f"W-{number}", "guardian_id": f"G-{number}", "custodian": f"bank-{number}"}
        self.own |= place | {"approval_id": "", "subject_id": ""}
        scopes: dict[Role, dict[str, Any]] = dict.fromkeys(SCOPES, place) | {
            Role.BANK: {"custodians": [self.own["custodian"]]},
            Role.INSTITUTION: {"institutions": [self.own["institution_id"]]},
            Role.GUARDIAN: {"guardian_id": self.own["guardian_id"]},
        }
        self._callers = {role: fuzzed.callers.of(role, f"walk-{role}", **scope) for role, scope in scopes.items()}
        self._second = fuzzed.callers.of(Role.REGULATOR, "walk-second", **place)
        self._turns = count()

    def asker(self, operation: Json) -> Caller:
        """Who asks this: each role that may, in turn."""
        if name_of(operation) == "decide_approval":
            return self._second
        roles = roles_of(operation)
        return self._callers[roles[next(self._turns) % len(roles)]]


@dataclass
class Link:
    """A way on from an answer."""

    target: Json
    definition: dict[str, Any]
    answered: StepOutput

    def told(self, part: str) -> Json:
        """What it hands on: `parameters` or `requestBody`."""
        return said(self.definition.get(part, {}), self.answered)

    @property
    def leads(self) -> bool:
        """Whether the answer named what it leads to: an empty list names nothing."""
        return set(self.told("parameters")) == set(self.definition.get("parameters", {}))


@dataclass
class Map:
    """The operations of the description, and how a case of each is drawn."""

    fuzzed: Fuzzed
    asked: Counter[str]
    done: Counter[str] = field(default_factory=Counter)

    @cached_property
    def operations(self) -> dict[str, Json]:
        """By name; the files of tables are asked elsewhere."""
        named = {name_of(each): each for each in self.fuzzed.operations}
        return {name: each for name, each in named.items() if not name.endswith(("_csv", "_xlsx", "_ndjson"))}

    @cached_property
    def cases(self) -> dict[str, st.SearchStrategy[Json]]:
        """Requests that fit the description."""
        return {
            name: each.as_strategy(generation_mode=GenerationMode.POSITIVE) for name, each in self.operations.items()
        }

    @cached_property
    def examples(self) -> dict[str, Json]:
        """The example of each body in the description."""
        bodies = {name: each.definition.raw.get("requestBody") for name, each in self.operations.items()}
        kinds = {name: body["content"].get("application/json", {}) for name, body in bodies.items() if body}
        return {name: each.get("example", {}) for name, each in kinds.items()}

    @cached_property
    def bodies(self) -> dict[str, st.SearchStrategy[Json]]:
        """Bodies like the example."""
        return {name: plausible("", example) for name, example in self.examples.items()}


class Walk:
    """One walk through one institution."""

    def __init__(self, around: Map, number: int, data: st.DataObject) -> None:
        self._map, self._data = around, data
        self._company = Company(around.fuzzed, number)
        self._links: list[Link] = []

    def go(self) -> None:
        """Open an escrow, register a contract, pay it, and go on: to a goal, straying."""
        goal = self._data.draw(st.sampled_from(sorted(GOALS)))
        self._ask("open_escrow", plain=True)
        for name in ("register_contract", "record_deposit", *GOALS[goal].split()):
            found = [link for link in self._links if name_of(link.target) == name]
            if found:
                self._follow(found[-1], plain=True)
            for _ in range(self._data.draw(st.sampled_from([0, 0, 0, 1, 3]))):
                self._stray()
        for _ in range(STEPS):
            self._stray()

    def _stray(self) -> None:
        """Take some link that is open; now and then ask what no link leads to."""
        chosen = self._data.draw(st.sampled_from(["last", "any", "any", "any", "command", "command", "nowhere"]))
        links = self._links[-12:] if chosen == "last" else self._links
        ways = [each for each in links if chosen != "command" or each.target.method == "post"]
        if ways and chosen != "nowhere":
            self._follow(self._data.draw(st.sampled_from(ways)))
        else:
            self._ask(self._data.draw(st.sampled_from(sorted(self._map.operations))))

    def _follow(self, link: Link, *, plain: bool = False) -> None:
        self._links.remove(link)
        answer = self._ask(name_of(link.target), link, plain=plain)
        if link.target.method == "get" and answer.status_code == 404:
            code = answer.json()["code"]
            excused = code in NOT_THERE_YET or (name_of(link.answered.case.operation), code) == NAMED_ONLY
            assert excused or name_of(link.target) in OF_SOME, (link, answer.text)

    def _ask(self, name: str, link: Link | None = None, *, plain: bool = False) -> Json:
        """Ask once, hold the answer against the description, and keep where it leads."""
        around, case, operation = self._map, self._case(name, link, plain=plain), self._map.operations[name]
        sent = sent_by(self._company.asker(operation))
        answer = self._held(case, sent)
        if answer.status_code >= 300:
            return answer
        around.done[name] += 1
        described = operation.definition.raw["responses"][str(answer.status_code)]
        output = StepOutput(answer, case)
        ways = (Link(around.operations[each], link, output) for each, link in described.get("links", {}).items())
        self._links += [each for each in ways if each.leads]
        if answer.status_code in {201, 202} and self._data.draw(st.integers(0, 4)) == 0:
            again = self._held(case, sent)
            assert (again.status_code, again.json()) == (answer.status_code, answer.json()), name
            assert "idempotency-replayed" in again.headers or "headers" not in described, name
        return answer

    def _held(self, case: Json, sent: dict[str, Any]) -> Json:
        self._map.asked[name_of(case.operation)] += 1
        unfit = [positive_data_acceptance, negative_data_rejection, ignored_auth]
        return case.call_and_validate(excluded_checks=unfit, **sent)

    def _case(self, name: str, link: Link | None, *, plain: bool) -> Json:
        """A request: what was generated, the example in its place, what the link hands on, what is this walk's own."""
        data, own = self._data, self._company.own
        case: Json = data.draw(self._map.cases[name])
        case.query = {each: value for each, value in whole(case.query or {}).items() if each not in ELSEWHEN}
        case.headers = {each: value for each, value in (case.headers or {}).items() if each != "If-Match"}
        told = {} if link is None else link.told("parameters")
        case.headers |= {"Idempotency-Key": next(KEYS)} if "Idempotency-Key" in case.headers else {}
        case.headers |= {each: value for each, value in told.items() if each == "If-Match"}
        given = case.path_parameters or {}
        case.path_parameters = given | {each: told.get(each) or own.get(each) or given[each] for each in given}
        if name in self._map.examples:
            told = {} if link is None else link.told("requestBody")
            case.body = self._plain(name, told) if plain else self._body(name, whole(case.body), told)
        return case

    def _plain(self, name: str, told: Json) -> Json:
        body: Json = PLAIN.get(name, self._map.examples[name])
        own = {each: value for each, value in self._company.own.items() if each in body and value}
        return merged(merged(body, own), told)

    def _body(self, name: str, generated: Json, told: Json) -> Json:
        data = self._data
        body: Json = data.draw(self._map.bodies[name])
        if not isinstance(generated, dict) or not isinstance(body, dict):
            return generated
        if generated and data.draw(st.integers(0, 5)) == 0:
            kept = data.draw(st.sets(st.sampled_from(sorted(generated)), max_size=2))
            body = body | {each: generated[each] for each in sorted(kept)}
        own = {each: value for each, value in self._company.own.items() if each in body and value}
        return merged(body | own, told)


def test_walks_along_the_links_find_what_is_described(empty_fuzzed: Fuzzed, asked: Counter[str]) -> None:
    around, numbers = Map(empty_fuzzed, asked), count(1)

    @seeded(WALKS)
    @given(data=st.data())
    def walk(data: st.DataObject) -> None:
        Walk(around, next(numbers), data).go()

    walk()
    reached = {goal for goal, names in GOALS.items() if all(around.done[name] for name in names.split())}
    assert len(reached) >= (len(GOALS) if WALKS > 100 else 4), (reached, around.done)
    assert around.done.total() > asked.total() / 2, (around.done, asked)
