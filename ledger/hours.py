"""Class hours in hundredths, so that 17.5 hours are counted exactly."""

import re
from typing import Final

CENTIHOURS_PER_HOUR: Final = 100
_HOURS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


class NotClassHours(ValueError):
    """The text is not a number of class hours of at most two decimals."""

    code = "not_class_hours"

    def __init__(self, text: object) -> None:
        super().__init__(f"not class hours with at most two decimals: {text!r}")
        self.text = text


def parse_hours(text: object) -> int:
    """Hundredths of a class hour of a decimal string: "17.5" is 1750. Raises NotClassHours."""
    if not isinstance(text, str) or not _HOURS.fullmatch(text):
        raise NotClassHours(text)
    hours, _, hundredths = text.partition(".")
    return int(hours) * CENTIHOURS_PER_HOUR + int(hundredths.ljust(2, "0"))


def format_hours(centihours: int) -> str:
    """The shortest decimal string: 1750 is "17.5", 6000 is "60"."""
    sign = "-" if centihours < 0 else ""
    hours, hundredths = divmod(abs(centihours), CENTIHOURS_PER_HOUR)
    return f"{sign}{hours}.{hundredths:02d}".rstrip("0").rstrip(".")
