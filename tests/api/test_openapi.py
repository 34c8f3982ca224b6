"""The description: complete, valid, and true to the routes."""

import json

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from api.nouns import NEEDS_SECOND_PERSON, NOUNS, OPENING
from api.openapi.examples import example_of
from api.problems.problem import MEDIA_TYPE
from api.routes.batches import Batch
from api.routes.commands import BODIES
from ledger.entitlement import EntitlementRequest
from tests.api.callers import Json
from tests.api.test_access import routes


@pytest.fixture
def description(client: TestClient) -> Json:
    return client.get("/openapi.json").json()


def _operations(description: Json) -> Json:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_route_is_described_and_nothing_else(client: TestClient, description: Json) -> None:
    described = {(method.upper(), path) for path, method, _ in _operations(description)}
    assert described == set(routes(client.app)) - {("GET", "/openapi.json"), ("HEAD", "/openapi.json")}


def test_every_reference_leads_somewhere_and_every_shape_is_used(description: Json) -> None:
    text = json.dumps(description)
    shapes = description["components"]["schemas"]
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named == set(shapes)


def test_every_operation_has_its_own_id_and_says_who_may_ask(description: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(description)]
    assert len(ids) == len(set(ids))
    assert {kind.name for kind in NOUNS.values()} <= set(ids)
    for path, _, operation in _operations(description):
        if path.startswith("/v1") and path != "/v1/tokens":
            assert operation["security"] == [{"bearer": []}], path
        else:
            assert operation["security"] == [], path


def test_every_refusal_is_described_as_a_problem(description: Json) -> None:
    for path, method, operation in _operations(description):
        for status, response in operation["responses"].items():
            if int(status) >= 400 and path != "/readyz":
                assert response["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            assert response["description"]
        if path.startswith("/v1"):
            wanted = {"401", "422", "500"} | ({"400", "413", "415"} if method == "post" else {"403", "404"})
            assert wanted <= set(operation["responses"]), path


def test_no_answer_is_described_that_never_comes(description: Json) -> None:
    for path, method, operation in _operations(description):
        for status, response in operation["responses"].items():
            assert response["description"] != "Successful Response", (path, method, status)
    for noun, kind in NOUNS.items():
        path = "/v1/escrows" if noun == OPENING else f"/v1/escrows/{{institution_id}}/{noun}"
        done = {status for status in description["paths"][path]["post"]["responses"] if status < "300"}
        assert done == {"200", "202" if kind in NEEDS_SECOND_PERSON else "201"}, noun


def test_a_link_leads_to_an_operation_and_hands_on_what_that_takes(description: Json) -> None:
    operations = {operation["operationId"]: operation for _, _, operation in _operations(description)}
    seen = 0
    for source in operations.values():
        for status, response in source["responses"].items():
            for link in response.get("links", {}).values():
                target = operations[link["operationId"]]
                path = {each["name"] for each in target["parameters"] if each["in"] == "path"}
                given = set(link.get("parameters", {}))
                assert path <= given, (source["operationId"], link)
                assert given <= {each["name"] for each in target["parameters"]}, (source["operationId"], link)
                assert given or link["requestBody"], (source["operationId"], link)
                assert status < "300"
                seen += 1
    assert seen > 150


def test_a_post_wants_its_key_and_every_path_parameter_is_described(description: Json) -> None:
    for path, method, operation in _operations(description):
        given = {(each["in"], each["name"]): each for each in operation.get("parameters", [])}
        assert {name for kind, name in given if kind == "path"} == {
            part[1:-1] for part in path.replace(".", "/").split("/") if part.startswith("{")
        }
        if method == "post" and path not in {"/v1/entitlement-calculations", "/v1/subject-lookups", "/v1/tokens"}:
            assert given["header", "Idempotency-Key"]["required"] is True


@pytest.mark.parametrize("model", [*BODIES.values(), Batch, EntitlementRequest], ids=lambda model: model.__name__)
def test_every_example_is_a_body_that_is_taken(model: type[BaseModel]) -> None:
    assert isinstance(model.model_validate_json(json.dumps(example_of(model))), model)


def test_amounts_are_integers_and_hours_are_text_in_every_shape(description: Json) -> None:
    def kinds(schema: Json) -> set[str]:
        found = {each.get("type", "") for each in [schema, *schema.get("anyOf", [])]}
        return found - {"null", ""}

    seen = 0
    for name, shape in description["components"]["schemas"].items():
        for member, schema in shape.get("properties", {}).items():
            if member.endswith("_fen"):
                seen += 1
                assert kinds(schema) <= {"integer", "object"}, (name, member)
            if member.endswith("_hours"):
                seen += 1
                assert kinds(schema) == {"string"}, (name, member)
            assert "centihours" not in member
    assert seen > 100
