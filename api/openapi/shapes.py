"""JSON schemas of the structs in answers, with the names and forms they have outside."""

from collections.abc import Mapping
from typing import Any

import msgspec

from api.openapi.operations import SCHEMAS
from api.public import shown_name

_HOURS = {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,2})?$", "description": "Class hours"}
_INSTANT = {"type": "string", "format": "date-time"}
_CENTIHOURS = "centihours"


def struct_schemas(named: Mapping[str, Any]) -> dict[str, Any]:
    """Schemas of these types under these names, and of every struct they hold under its own."""
    types = list(named.values())
    tops, components = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    outside = {name: _outside(schema) for name, schema in components.items()}
    for (name, _), top in zip(named.items(), tops, strict=True):
        pointed = top.get("$ref", "").removeprefix(SCHEMAS)
        if pointed and pointed != name:
            outside[name] = outside.pop(pointed)
            outside = {each: _renamed(schema, SCHEMAS + pointed, SCHEMAS + name) for each, schema in outside.items()}
        elif not pointed:
            outside[name] = _outside(top)
    return outside


def _renamed(value: Any, old: str, new: str) -> Any:  # noqa: ANN401 - any part of a schema
    if isinstance(value, dict):
        return {key: new if key == "$ref" and each == old else _renamed(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, old, new) for each in value]
    return value


def _outside(schema: dict[str, Any]) -> dict[str, Any]:
    """A struct's schema as `api.public.plain` writes it: every field present, hours and instants as text."""
    if "properties" not in schema:
        return schema
    shown = dict(_property(name, each) for name, each in schema["properties"].items())
    return {**schema, "properties": shown, "required": [shown_name(each) for each in schema.get("required", [])]}


def _property(name: str, schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if name.endswith(_CENTIHOURS):
        return shown_name(name), _optional(schema, _HOURS)
    if name.endswith("_at") and _is_integer(schema):
        return name, _optional(schema, _INSTANT)
    return name, schema


def _is_integer(schema: dict[str, Any]) -> bool:
    return any(each.get("type") == "integer" for each in [schema, *schema.get("anyOf", [])])


def _optional(schema: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    nullable = any(each.get("type") == "null" for each in schema.get("anyOf", []))
    return {"anyOf": [shape, {"type": "null"}]} if nullable else dict(shape)
