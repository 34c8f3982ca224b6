"""The whole description: the routes as FastAPI knows them, and every shape by name."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.approvals.approval import Approval
from api.bankday.answers import DayEndBody, RunBody
from api.bankfiles.report import FileReport
from api.imports.report import ImportReport
from api.openapi.links import add_links
from api.openapi.operations import SCHEMAS, ref
from api.openapi.shapes import struct_schemas
from api.problems.problem import ProblemBody
from api.public import EventBody, PreviewBody, ReceiptBody
from api.reads.answer import AnswerBody
from api.reads.files import FORMATS
from api.reads.tables import PAGING
from api.routes.approvals import ApprovalDecision, Proposal
from api.routes.bankday import DayEnding, PaymentRun, StatusFileBody
from api.routes.batches import Batch, BatchOutcome
from api.routes.closing import DistributionPreview
from api.routes.commands import BODIES
from api.routes.events import Feed
from api.routes.identity import TokenAnswer
from api.routes.operation import Meaning, Readiness
from api.routes.reconciliations import DayReconciled, ReconciliationBody, ReconciliationRun
from api.routes.standings import AllDue, CityOverview
from api.routes.vault import Forgetting, Forgotten, Found, Lookup, Minted, NewSubject, SubjectShown
from api.security.access_log import AccessEntry
from api.vault.person import Person
from ledger.commands import COMMANDS, OpenEscrow
from ledger.entitlement import Derivation, EntitlementRequest
from projections.audit_trail import AuditEntry
from projections.contract_statement import ContractStatement
from projections.deadlines import RunningDeadline
from projections.entitlement import Entitlement
from projections.escrow_balance import EscrowBalance
from projections.explain import ExplainedLine, Explanation
from projections.fund_history import FundMovement
from projections.institution import Institution
from projections.lessons import LessonTaught
from projections.mediation_cases import MediationCase
from projections.reconciliation import BankLineRow, BreakRow, StatementRow
from projections.refunds_due import RefundDue

VERSION = "1"
ROWS = {
    "Institution": Institution,
    "EscrowBalance": EscrowBalance,
    "ContractStatement": ContractStatement,
    "RefundDue": RefundDue,
    "RunningDeadline": RunningDeadline,
    "MediationCase": MediationCase,
    "FundMovement": FundMovement,
    "AuditEntry": AuditEntry,
    "ExplainedLine": ExplainedLine,
    "LessonTaught": LessonTaught,
    "StatementRow": StatementRow,
    "BankLineRow": BankLineRow,
    "BreakRow": BreakRow,
    "Approval": Approval,
    "AccessEntry": AccessEntry,
}
"""The rows of the read models, by the name of their shape."""
_DESCRIPTION = """
Ledger of prepaid tuition under supervision: deposits, class consumption, releases, refunds and mediation of many
institutions, and the two answers people come for: what is the balance, and what is due to whom, why, until when.

Amounts are integer fen (`…_fen`), class hours decimal strings (`…_hours`), instants RFC 3339 in UTC, business dates
`YYYY-MM-DD` in Asia/Shanghai. Unknown fields and unknown query parameters are refused.
"""
SINGLE = (
    "Institution",
    "EscrowBalance",
    "ContractStatement",
    "MediationCase",
    "AllDue",
    "CityOverview",
    "Entitlement",
    "Explanation",
    "Reconciliation",
    "DistributionPreview",
)
"""Shapes that are also answered one by one."""


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The description of an application, OpenAPI 3.1."""
    document = get_openapi(
        title="Escrow ledger", version=VERSION, description=_DESCRIPTION, routes=app.routes, summary=None
    )
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **_schemas()}
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "From `POST /v1/tokens`, an outside provider, or `ledger token issue`",
        }
    }
    for path, item in document["paths"].items():
        for operation in item.values():
            operation["parameters"] = [_sendable(each) for each in operation.get("parameters", [])]
        if path.endswith(tuple(f".{suffix}" for suffix in FORMATS)):
            item["get"]["parameters"] = [each for each in item["get"]["parameters"] if each["name"] not in PAGING]
    document["servers"] = [{"url": "/"}]
    add_links(document)
    return document


def _sendable(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out or has a value; it is never null."""
    schema = parameter["schema"]
    branches = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if len(branches) != 1:
        return parameter
    return {**parameter, "schema": {**branches[0], "title": schema["title"]}}


def _schemas() -> dict[str, Any]:
    models: list[type[BaseModel]] = [
        *BODIES.values(),
        OpenEscrow,
        Batch,
        EntitlementRequest,
        ReconciliationRun,
        PaymentRun,
        DayEnding,
    ]
    models += [Proposal, ApprovalDecision, NewSubject, Person, Lookup, Forgetting]
    _, bodies = models_json_schema([(model, "validation") for model in models], ref_template=SCHEMAS + "{model}")
    for shape in bodies["$defs"].values():
        tags = [name for name, member in shape.get("properties", {}).items() if "const" in member]
        if tags:  # what tells the members of a union apart cannot be left out, although it has a default
            shape["required"] = sorted({*shape.get("required", []), *tags})
    any_body = [ref(kind.__name__) for kind in COMMANDS.values()]
    bodies["$defs"]["BatchItem"]["properties"]["body"] = {"anyOf": any_body}
    answers = {
        "Problem": ProblemBody,
        "Receipt": ReceiptBody,
        "Preview": PreviewBody,
        "BatchOutcome": BatchOutcome,
        "Derivation": Derivation,
        "Meaning": Meaning,
        "Minted": Minted,
        "SubjectShown": SubjectShown,
        "Found": Found,
        "Forgotten": Forgotten,
        "Readiness": Readiness,
        "TokenAnswer": TokenAnswer,
        "Feed": Feed,
        "Event": EventBody,
        "AllDue": AllDue,
        "Entitlement": Entitlement,
        "Explanation": Explanation,
        "Reconciliation": ReconciliationBody,
        "FileReport": FileReport,
        "ImportReport": ImportReport,
        "DayReconciled": DayReconciled,
        "DayEnd": DayEndBody,
        "PaymentRunOutcome": RunBody,
        "PaymentStatusFile": StatusFileBody,
        "CityOverview": CityOverview,
        "DistributionPreview": DistributionPreview,
        **ROWS,
    }
    shapes = struct_schemas(answers)
    for name in SINGLE:
        shapes[f"{name}Answer"] = _answer_of(ref(name))
    for name in ROWS:
        shapes[f"{name}List"] = _answer_of({"type": "array", "items": ref(name)})
    assert not set(shapes) & set(bodies["$defs"]), "two shapes have one name"
    return dict(sorted({**bodies["$defs"], **shapes}.items()))


def _answer_of(data: dict[str, Any]) -> dict[str, Any]:
    """The envelope of an answer around this data."""
    shape = struct_schemas({"Answer": AnswerBody})["Answer"]
    return {**shape, "properties": {**shape["properties"], "data": data}}


def openapi_text(app: FastAPI) -> bytes:
    """The description as JSON."""
    return msgspec.json.format(msgspec.json.encode(app.openapi()), indent=2)
