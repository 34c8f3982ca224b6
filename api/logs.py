"""Log lines: structured, to standard error, without personal data, tokens or what was sent."""

import logging
import sys
import traceback
from typing import TypedDict

import structlog
from structlog.typing import Processor

from api.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Write lines as the settings say, for the whole program; whoever comes first decides."""
    if structlog.is_configured():
        return
    steps: list[Processor] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if settings.log_format == "json":
        steps.append(structlog.processors.JSONRenderer())
    else:
        steps.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


class Described(TypedDict):
    """An error as it may be told."""

    error: str
    at: list[str]
    cause: str | None


def described(error: BaseException) -> Described:
    """An error by its kind and where it happened; never by its message, which may quote what was sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
        "cause": None if error.__cause__ is None else type(error.__cause__).__name__,
    }
