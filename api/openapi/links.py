"""What one can ask next: links from an answer to the operations that it leads to, with the ids they need."""

from collections.abc import Iterator
from typing import Any

from api.openapi.operations import SCHEMAS

_ESCROW = """
    get_escrow get_escrow_balance get_reconciliation get_events_of_escrow get_all_due_of_escrow list_contracts_of_escrow
    list_fund_history list_deadlines_of_escrow list_refunds_due_of_escrow list_mediation_cases_of_escrow list_breaks
    list_bank_statements get_distribution_preview register_contract record_deposit record_statement place_risk_deposit
    freeze_escrow record_attachment declare_closure change_custodian seal_day mint_subject rename_institution
    record_succession
"""
_CONTRACT = """
    get_contract get_entitlement list_lessons list_contract_history record_deposit claim_lessons amend_contract
    end_contract request_refund order_refund open_mediation assert_off_platform_payment retain_deduction record_award
    transfer_lessons get_evidence_pack_of_contract get_statement_proof record_shortfall_repayment
"""
_LESSONS = """
    list_lessons get_contract get_entitlement confirm_lessons confirm_lessons_by_default dispute_lesson reverse_lesson
"""
_REFUND = """
    list_refunds_due_of_escrow get_contract instruct_refund approve_refund refuse_refund withdraw_refund
    deem_refund_agreed order_refund substitute_payee acknowledge_off_platform_refund
"""
_CASE = "get_mediation_case withdraw_mediation fail_mediation expire_mediation agree_settlement extend_mediation"
_AFTER = {
    "open_escrow": _ESCROW,
    "get_escrow": "get_escrow_balance get_events_of_escrow list_contracts_of_escrow get_evidence_pack get_checkpoint",
    "list_institutions": "get_escrow get_escrow_balance list_contracts_of_escrow",
    "list_contracts": "get_contract get_entitlement list_lessons",
    "list_contracts_of_escrow": "get_contract get_entitlement list_lessons list_contract_history",
    "list_refunds_due": "get_contract instruct_refund",
    "list_refunds_due_of_escrow": "get_contract instruct_refund approve_refund",
    "list_mediation_cases": "get_mediation_case",
    "list_mediation_cases_of_escrow": "get_mediation_case accept_mediation",
    "list_bank_statements": "list_bank_lines",
    "list_breaks": "resolve_break",
    "get_events_of_escrow": "get_event get_event_proof get_stored_event",
    "register_contract": _CONTRACT,
    "record_deposit": "get_escrow_balance get_contract list_contract_history apply_deposit reverse_deposit "
    "refund_deposit claim_lessons",
    "apply_deposit": "get_contract get_entitlement list_contract_history",
    "claim_lessons": _LESSONS,
    "confirm_lessons": "list_lessons get_entitlement get_escrow_balance instruct_release post_release_run "
    "reverse_lesson",
    "confirm_lessons_by_default": "list_lessons instruct_release dispute_lesson reverse_lesson",
    "dispute_lesson": "decide_dispute list_lessons",
    "instruct_release": "settle_release return_release get_escrow_balance",
    "post_release_run": "get_payment_file",
    "post_refund_run": "get_payment_file",
    "request_refund": _REFUND,
    "order_refund": _REFUND,
    "approve_refund": "instruct_refund list_refunds_due_of_escrow post_refund_run",
    "refund_deposit": "instruct_refund list_refunds_due_of_escrow",
    "deem_refund_agreed": "instruct_refund list_refunds_due_of_escrow post_refund_run",
    "instruct_refund": "settle_refund return_refund list_refunds_due_of_escrow",
    "return_refund": "instruct_refund substitute_payee",
    "open_mediation": f"{_CASE} accept_mediation record_award",
    "accept_mediation": f"{_CASE} record_award",
    "agree_settlement": "record_judicial_confirmation breach_settlement get_mediation_case",
    "record_award": "order_refund get_entitlement",
    "place_risk_deposit": "draw_risk_deposit return_risk_deposit get_escrow_balance",
    "record_attachment": "lift_attachment get_escrow_balance",
    "freeze_escrow": "unfreeze_escrow get_escrow",
    "unfreeze_escrow": "get_approval decide_approval",
    "change_custodian": "get_approval decide_approval",
    "declare_closure": "get_approval decide_approval",
    "close_escrow": "get_approval decide_approval",
    "order_distribution": "get_approval decide_approval",
    "propose_act": "get_approval decide_approval",
    "list_approvals": "get_approval decide_approval",
    "order_closure_refunds": "get_distribution_preview get_resolution_pack",
    "decide_approval": "get_approval",
    "get_approval": "decide_approval",
    "get_distribution_preview": "order_distribution",
    "record_statement": "list_bank_statements list_bank_lines book_statement_line book_statement_lines "
    "post_reconciliation get_reconciliation",
    "book_statement_line": "list_bank_lines get_reconciliation list_breaks",
    "open_break": "resolve_break list_breaks",
    "seal_day": "get_checkpoint",
    "mint_subject": "keep_subject get_subject forget_person",
    "keep_subject": "get_subject",
}
"""For each operation those that its answer leads to."""
_TOLD = {
    ("record_deposit", "deposit_id"): "$response.body#/events/0/data/deposit_id",
    ("open_break", "break_id"): "$response.body#/events/0/data/break_id",
    ("get_distribution_preview", "list_sha256"): "$response.body#/data/distributions/0/list_sha256",
    ("get_distribution_preview", "pot_fen"): "$response.body#/data/distributions/0/pot_fen",
    ("get_distribution_preview", "due_fen"): "$response.body#/data/distributions/0/due_fen",
    ("get_distribution_preview", "families"): "$response.body#/data/distributions/0/families",
    ("get_distribution_preview", "If-Match"): "$response.header.ETag",
    ("post_release_run", "file"): "$response.body#/files/0/file_id",
    ("post_refund_run", "file"): "$response.body#/files/0/file_id",
    ("get_events_of_escrow", "version"): "$response.body#/events/0/version",
}
"""Where the answer says what the request did not."""
_ALSO_HANDED_ON = frozenset({"request_sha256", "stream_version"})

Operation = dict[str, Any]


def add_links(document: dict[str, Any]) -> None:
    """Put the links into the answers of a whole description."""
    operations = {each["operationId"]: each for item in document["paths"].values() for each in item.values()}
    shapes = document["components"]["schemas"]
    for name, targets in _AFTER.items():
        source = operations[name]
        given = _given(source, shapes)
        _done(source)["links"] = {target: _link(operations[target], given, shapes) for target in targets.split()}


def _done(operation: Operation) -> dict[str, Any]:
    """The answer when it is done: 200 is a preview where something is recorded."""
    found: dict[str, Any] = next(
        operation["responses"][status] for status in ("201", "202", "200") if status in operation["responses"]
    )
    return found


def _link(target: Operation, given: dict[str, str], shapes: dict[str, Any]) -> dict[str, Any]:
    wanted = [each["name"] for each in target["parameters"] if each["in"] == "path" or each["name"] == "If-Match"]
    link: dict[str, Any] = {"operationId": target["operationId"], "description": target["summary"]}
    if parameters := {name: given[name] for name in wanted if name in given}:
        link["parameters"] = parameters
    if body := _handed(_body(target, shapes), given, shapes):
        link["requestBody"] = body
    return link


def _given(source: Operation, shapes: dict[str, Any]) -> dict[str, str]:
    """What is known by name once an operation has answered, and the expression that reads it."""
    given = dict(_rows(source, shapes))
    given |= {name: f"$request.body#{at}" for name, at in _names(_body(source, shapes), shapes, "")}
    given |= {each["name"]: f"$request.path.{each['name']}" for each in source["parameters"] if each["in"] == "path"}
    return given | {name: told for (told_by, name), told in _TOLD.items() if told_by == source["operationId"]}


def _rows(source: Operation, shapes: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Ids in the answer itself: of the first row of a table, or of what was made."""
    answer = _resolved(_done(source)["content"]["application/json"]["schema"], shapes)
    data = answer.get("properties", {}).get("data", {})
    if "items" in data:
        for name, at in _names(_resolved(data["items"], shapes), shapes, ""):
            yield name, f"$response.body#/data/0{at}"
    else:
        for name, at in _names(answer, shapes, ""):
            yield name, f"$response.body#{at}"


def _names(schema: dict[str, Any], shapes: dict[str, Any], at: str) -> Iterator[tuple[str, str]]:
    """Ids in a shape and in the first item of its lists, with their pointers."""
    for name, member in schema.get("properties", {}).items():
        if _is_handed_on(name):
            yield name, f"{at}/{name}"
        elif "$ref" in member.get("items", {}):
            yield from _names(_resolved(member["items"], shapes), shapes, f"{at}/{name}/0")


def _handed(schema: dict[str, Any], given: dict[str, str], shapes: dict[str, Any]) -> dict[str, Any]:
    """The body that what is known begins; the rest is for the caller to add."""
    body: dict[str, Any] = {}
    for name, member in schema.get("properties", {}).items():
        if name in given and (_is_handed_on(name) or not given[name].startswith("$request")):
            body[name] = given[name]
        elif name == "contract_ids" and "contract_id" in given:
            body[name] = [given["contract_id"]]
        elif "$ref" in member.get("items", {}):
            item = _handed(_resolved(member["items"], shapes), given, shapes)
            body |= {name: [item]} if item else {}
    return body


def _is_handed_on(name: str) -> bool:
    return name.endswith("_id") or name in _ALSO_HANDED_ON


def _body(operation: Operation, shapes: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    return _resolved(content.get("application/json", {}).get("schema", {}), shapes)


def _resolved(schema: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shapes[schema["$ref"].removeprefix(SCHEMAS)] if "$ref" in schema else schema
    return found
