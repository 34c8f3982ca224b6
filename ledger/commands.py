"""What may be asked: the table of contents of writes. These models are also the request bodies of the API."""

import re
from collections.abc import Iterable
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ledger.identifiers import Role, SheetKey


class Command(BaseModel):
    """Something asked of one escrow. Strict: unknown fields and lossy values are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)
    name: ClassVar[str] = ""
    by: ClassVar[frozenset[Role]] = frozenset()
    """Roles that may ask."""

    effective_at: AwareDatetime | None = Field(default=None)
    """Business time; the moment of recording when left out."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def touches(self) -> Iterable[SheetKey]:
        """Sheets this command is known to need; what else turns out to be needed is read in a second round."""
        return ()
