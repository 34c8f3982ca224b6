"""What the vault keeps of a person, how it is masked, and the form in which it is searched."""

import re
import unicodedata
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Entry = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]

SEARCHED = ("name", "phone", "account_no", "id_number")
"""Fields that can be looked up, whole and exactly."""


class Person(BaseModel):
    """Personal data of one guardian or student; what is left out is not kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)

    name: Entry | None = None
    phone: Entry | None = None
    id_number: Entry | None = None
    """Number of an identity document."""
    account_no: Entry | None = None
    """The bank account to which refunds go."""
    address: Entry | None = None
    email: Entry | None = None


FIELDS = tuple(Person.model_fields)


def mask(field: str, text: str) -> str:
    """Enough to recognise for those who know it, not enough to learn it."""
    match field:
        case "name":
            return text[0] + "*" * max(1, len(text) - 1)
        case "phone" if len(text) >= 11:  # noqa: PLR2004 - a mobile number
            return f"{text[:3]}****{text[-4:]}"
        case "account_no" | "id_number" if len(text) >= 12:  # noqa: PLR2004 - long enough to show its end
            return "*" * 8 + text[-4:]
        case "email" if "@" in text:
            return f"{text[0]}***@{text.rpartition('@')[2]}"
        case _:
            return "*" * 8


def normalised(field: str, text: str) -> str:
    """The form in which two writings of the same are equal: width, case, spaces, a country code."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()
    if field == "phone":
        plain = re.sub(r"[^0-9+]", "", plain)
        return re.sub(r"^(\+?86|0086)(?=1[0-9]{10}$)", "", plain)
    return re.sub(r"[ -]", "", plain) if field in {"account_no", "id_number"} else plain
