"""Why the ledger says no: the table of contents of rules. Each class is one rule, its code is API contract."""

import re
from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True)
class Rejection(Exception):  # noqa: N818 - a rejection is an answer, not an error
    """The ledger refused a command; nothing was recorded. Subclasses name the violated rule."""

    code: ClassVar[str] = "rejection"

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def details(self) -> dict[str, object]:
        """The typed fields of this rejection, for the problem that is shown."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
