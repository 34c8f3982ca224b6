"""An example of every body, made from its schema and a sample of each field."""

from typing import Any

from pydantic import BaseModel

SAMPLES: dict[str, Any] = {
    "account_id": "6217000010001",
    "agreement_no": "京监管〔2025〕0107号",
    "amount_fen": 360000,
    "applied_on": "2026-08-20",
    "authority": "regulator",
    "award_id": "A-1",
    "bank_serial": "202609010001",
    "basis": "合同约定",
    "business_on": "2026-08-31",
    "category": "sport",
    "cause": "institution",
    "claim_fen": 360000,
    "closing_balance_fen": 0,
    "consent": "确认书 2026-118",
    "contract_id": "C-1",
    "contract_ids": ["C-1"],
    "course": "游泳",
    "custodian": "bank-1",
    "cut_off_on": "2026-08-31",
    "deposit_id": "6217000010001.20260901.202609010001",
    "district": "海淀区",
    "due_fen": 360000,
    "evidence": "sha256:9f2c",
    "families": 1,
    "funding": "own",
    "guardian_id": "G-1",
    "institution_id": "I-1",
    "institution_name": "晨光游泳培训中心",
    "jurisdiction": "CN-BJ",
    "lesson_id": "L-1",
    "line_key": "20260901." + "ab" * 12,
    "lines_sha256": "ab" * 32,
    "list_sha256": "ab" * 32,
    "order_no": "京教令〔2026〕1号",
    "paid_fen": 360000,
    "paid_hours": "36",
    "payer_ref": "payer-1",
    "outcome": {"kind": "break"},
    "pot_fen": 100000,
    "price_fen": 360000,
    "reason": "双方核对",
    "reference": "deposit:6217000010001.20260901.202609010001",
    "referred_by": "family",
    "refund_id": "R-1",
    "share_fen": 100000,
    "statement_id": "ab" * 32,
    "student_id": "S-1",
    "subject": "sport",
    "subject_id": "S-1",
    "uscc": "91110108MA01A2B3CF",
    "used_hours": "12",
    "value_on": "2026-09-01",
}


def example_of(model: type[BaseModel]) -> object:
    """A body with the required fields of a model."""
    schema = model.model_json_schema()
    return _example(schema, schema.get("$defs", {}), "")


def _example(schema: dict[str, Any], shapes: dict[str, Any], name: str) -> object:
    if "$ref" in schema:
        return _example(shapes[schema["$ref"].rpartition("/")[2]], shapes, name)
    if schema.get("type") == "object" and "properties" in schema:
        required = schema.get("required", [])
        return {each: _example(schema["properties"][each], shapes, each) for each in required}
    if schema.get("type") == "array" and "items" in schema and "$ref" in schema["items"]:
        return [_example(schema["items"], shapes, name)]
    if "enum" in schema and SAMPLES.get(name) not in schema["enum"]:
        return schema["enum"][0]
    if name in SAMPLES:
        return SAMPLES[name]
    return _of_type(schema, name)


def _of_type(schema: dict[str, Any], name: str) -> object:
    if schema.get("format") == "date":
        return "2026-09-01"
    match schema.get("type"):
        case "boolean":
            return True
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "object":
            return {}
        case _:
            return schema.get("const") or (schema.get("examples") or [f"{name.removesuffix('_id')}-1"])[0]
