"""`ledger demo`: the seeded city."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.demo import command
from api.terminal.environment import load_settings
from api.terminal.output import Show

SHOW = Show()


def demo(
    *,
    scale: Annotated[float, Parameter(help="How large the city is; 1 is 40 institutions and 3,000 contracts")] = 1.0,
    seed: Annotated[int, Parameter(help="Which city")] = 7,
    serve: Annotated[bool, Parameter(help="Serve the API afterwards")] = True,
    bundle: Annotated[Path | None, Parameter(help="Write the audit bundle of it to this file")] = None,
    show: Show = SHOW,
) -> int:
    """Tell the story of a city and one bank day from files to a fresh ledger, sign it, print what is due, serve it."""
    settings = load_settings()
    return command(settings, scale=scale, seed=seed, serve=serve, json=show.json, quiet=show.quiet, bundle=bundle)
