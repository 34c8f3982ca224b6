"""Serving the demo's ledger: a token for an officer who sees everything, and what to ask first."""

import secrets

import uvicorn
from pydantic import SecretStr
from rich.console import Console

from api.app import create_app, now
from api.demo.callers import introduce
from api.security.mandate import Mandate
from api.security.tokens import Tokens
from api.settings import Settings, token_secret
from ledger.identifiers import Role

A_DAY = 24 * 60 * 60


def serve(settings: Settings, console: Console) -> None:
    """Serve until interrupted. Without secrets in the settings random ones hold for this run."""
    if settings.token_secret is None:
        settings = settings.model_copy(update={"token_secret": SecretStr(secrets.token_urlsafe(48))})
    if settings.party_key is None:
        settings = settings.model_copy(update={"party_key": SecretStr(secrets.token_urlsafe(48))})
    app = create_app(settings)
    token = Tokens(token_secret(settings), settings.token_issuer, now).issue(
        Mandate("officer-lin", Role.REGULATOR, jurisdiction="CN"), A_DAY
    )
    address = f"http://{settings.host}:{settings.port}"
    console.print(f"\n接口 API at {address}, a regulator's token for a day:\n", soft_wrap=True)
    console.print(f"  TOKEN={token}\n", soft_wrap=True, highlight=False)
    console.print(f'  curl -H "Authorization: Bearer $TOKEN" {address}/v1/refunds-due', soft_wrap=True, highlight=False)
    calls = introduce(app.state.runtime.ledger.engine, address, now())
    if calls:
        console.print("\n六种角色 As each of the six roles; what a bank posts is signed:\n", soft_wrap=True)
    for call in calls:
        console.print(f"  {call}", soft_wrap=True, highlight=False, markup=False)
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")
