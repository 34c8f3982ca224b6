"""Identifiers, roles and the small closed vocabularies that commands and events share."""

import re
from enum import StrEnum
from typing import Annotated, Literal, NewType

from pydantic import StringConstraints

ID_PATTERN = r"^[A-Za-z0-9_.-]{1,128}$"
"""Ids are opaque and safe in URLs, file names and SQL array literals."""

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
InstitutionId = NewType("InstitutionId", str)
SheetKey = NewType("SheetKey", str)
"""Address of a sheet inside one escrow: `kind:id`, or `lesson:contract:id`."""

Category = Literal["academic", "sport", "sci_tech", "culture_art", "non_academic"]
Cause = Literal["institution", "family", "neither", "mutual"]


class Role(StrEnum):
    """Who acts (model: who does what)."""

    BANK = "bank"
    INSTITUTION = "institution"
    GUARDIAN = "guardian"
    MEDIATOR = "mediator"
    REGULATOR = "regulator"
    AUDITOR = "auditor"


def is_id(text: str) -> bool:
    """Whether `text` is a well-formed opaque id."""
    return re.match(ID_PATTERN, text) is not None and not text.endswith("\n")
