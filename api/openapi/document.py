"""The whole description: the routes as FastAPI knows them, and every shape by name."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.openapi.operations import SCHEMAS
from api.openapi.shapes import struct_schemas
from api.problems.problem import ProblemBody
from api.public import PreviewBody, ReceiptBody
from api.routes.batches import Batch, BatchOutcome
from api.routes.commands import BODIES
from api.routes.operation import Meaning
from api.routes.queries import SHAPES
from ledger.entitlement import Derivation, EntitlementRequest

VERSION = "1"
_DESCRIPTION = """
Ledger of prepaid tuition under supervision: deposits, class consumption, releases, refunds and mediation of many
institutions, and the two answers people come for: what is the balance, and what is due to whom, why, until when.

Amounts are integer fen (`…_fen`), class hours decimal strings (`…_hours`), instants RFC 3339 in UTC, business dates
`YYYY-MM-DD` in Asia/Shanghai. Unknown fields and unknown query parameters are refused.
"""


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The description of an application, OpenAPI 3.1."""
    document = get_openapi(
        title="Escrow ledger", version=VERSION, description=_DESCRIPTION, routes=app.routes, summary=None
    )
    components = document.setdefault("components", {})
    components["schemas"] = _schemas()
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`ledger token issue --role … --scope …`",
        }
    }
    document["servers"] = [{"url": "/"}]
    return document


def _schemas() -> dict[str, Any]:
    models: list[type[BaseModel]] = [*BODIES.values(), Batch, EntitlementRequest]
    _, bodies = models_json_schema([(model, "validation") for model in models], ref_template=SCHEMAS + "{model}")
    answers = {
        "Problem": ProblemBody,
        "Receipt": ReceiptBody,
        "Preview": PreviewBody,
        "BatchOutcome": BatchOutcome,
        "Derivation": Derivation,
        "Meaning": Meaning,
        **SHAPES,
    }
    shapes = struct_schemas(answers)
    assert not set(shapes) & set(bodies["$defs"]), "two shapes have one name"
    return dict(sorted({**bodies["$defs"], **shapes}.items()))


def openapi_text(app: FastAPI) -> bytes:
    """The description as JSON."""
    return msgspec.json.format(msgspec.json.encode(app.openapi()), indent=2)
