"""How people and machines come in: tokens, signatures and grants over one registry, as the settings say."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from api.security.directory import Directory
from api.security.grants import Grants
from api.security.nonces import Nonces
from api.security.oidc import OutsideProvider, UnreadableKeySet
from api.security.passwords import SignIn
from api.security.signatures import Signatures
from api.security.tokens import Tokens
from api.settings import SettingMissing, Settings, SettingUnusable, token_secret


class Doors(NamedTuple):
    """What checks who comes in."""

    tokens: Tokens
    signatures: Signatures
    grants: Grants
    nonces: Nonces


def open_doors(settings: Settings, engine: Engine, clock: Callable[[], int]) -> Doors:
    """Everything that lets somebody in. Raises SettingMissing, SettingUnusable."""
    directory, nonces = Directory(engine, clock), Nonces(engine, clock)
    audiences = {settings.token_issuer}
    if settings.public_url is not None:
        audiences.add(f"{settings.public_url.rstrip('/')}/v1/tokens")
    return Doors(
        Tokens(token_secret(settings), settings.token_issuer, clock, directory, outside_provider(settings)),
        Signatures(directory, nonces, clock, settings.public_url),
        Grants(directory, nonces, SignIn(engine, clock), frozenset(audiences)),
        nonces,
    )


def outside_provider(settings: Settings) -> OutsideProvider | None:
    """The provider of the settings, if there is one.

    Raises SettingMissing where it is named in part; SettingUnusable where its keys cannot be read, or where it has the
    name of this ledger, whose tokens are told from its by that name.
    """
    named = (settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks)
    if all(each is None for each in named):
        return None
    for each, variable in zip(named, ("ISSUER", "AUDIENCE", "JWKS"), strict=True):
        if not each:
            raise SettingMissing(f"LEDGER_OIDC_{variable}", "an outside provider needs issuer, audience and JWKS")
    if settings.oidc_issuer == settings.token_issuer:
        raise SettingUnusable("LEDGER_OIDC_ISSUER", "与 LEDGER_TOKEN_ISSUER 相同 is the same as LEDGER_TOKEN_ISSUER")
    try:
        return OutsideProvider(str(named[0]), str(named[1]), Path(str(named[2])))
    except UnreadableKeySet as error:
        raise SettingUnusable("LEDGER_OIDC_JWKS", str(error)) from None
