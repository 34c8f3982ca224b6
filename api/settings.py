"""Settings from the environment: every one is `LEDGER_…`, typed and documented."""

from pathlib import Path
from typing import Annotated, Literal

from limits import parse_many
from pydantic import AfterValidator, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.vault.masters import Masters, read_masters
from api.witnesses import parse_witnesses

MIN_SECRET_BYTES = 32


def _witness_pairs(text: str | None) -> str | None:
    """The text, if it is URLs and verifier keys in turn. Raises ValueError."""
    parse_witnesses(text or "")
    return text


def _readable(rates: str) -> str:
    if rates:
        parse_many(rates)
    return rates


Rate = Annotated[str, AfterValidator(_readable)]
"""Such as `600/second;20000/minute`."""


def _master_keys(text: SecretStr | None) -> SecretStr | None:
    read_masters("" if text is None else text.get_secret_value())
    return text


VaultKeys = Annotated[SecretStr | None, AfterValidator(_master_keys)]


class Settings(BaseSettings):
    """What a deployment decides. Unset values take the default; a malformed one stops the program with its name."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", extra="ignore", frozen=True, use_attribute_docstrings=True)

    database_url: Annotated[str | None, Field(repr=False)] = None
    """SQLAlchemy URL of the ledger: `sqlite:////var/lib/ledger/ledger.sqlite` or `postgresql://user@host/name`."""
    token_secret: SecretStr | None = None
    """Key of the bearer tokens, at least 32 bytes. Without it nothing is served."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""
    projector: bool = True
    """Whether `ledger serve` also keeps the read models up to date; false where `ledger worker` does."""
    wait_lag: Annotated[int, Field(ge=0)] = 5_000
    """How many positions a read takes in by itself to answer from the one it names; beyond that it says: not yet."""
    ready_lag: Annotated[int, Field(ge=0)] = 10_000
    """How many positions the read models may lie behind before `/readyz` turns red."""
    vault_key: VaultKeys = None
    """Master keys of the vault, `ID:BASE64` each, separated by commas: the first wraps, all unwrap."""
    vault_key_file: Path | None = None
    """A file with the same, one a line; instead of the variable."""
    vault_erasures: Path | None = None
    """A file outside the database that lists who was forgotten, for restores (docs/privacy.md)."""
    approval_days: Annotated[int, Field(ge=1, le=90)] = 7
    """How many days a second person has to approve what was proposed."""
    rate_client: Rate = "600/second"
    """Most requests of one authenticated client, for each process; several separated by `;`, empty for no limit."""
    rate_address: Rate = "1200/minute"
    """Most requests from one address without credentials, and most refused for wrong ones; as above."""
    rate_lookup: Rate = "30/minute"
    """Most searches for a person by one client; as above."""
    log_format: Literal["text", "json"] = "text"
    """How log lines are written to standard error."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least serious line that is written."""
    token_issuer: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "escrow-ledger"  # noqa: S105 - a name, no secret
    """`iss` of the tokens; a token of another issuer is refused."""
    public_url: Annotated[str | None, StringConstraints(pattern=r"^https?://[^/\s?#]+$")] = None
    """Where clients reach the API, for example `https://ledger.example`: signatures cover it. Without it: as asked."""
    oidc_issuer: str | None = None
    """`iss` of an outside OpenID Connect provider whose users are let in, with the two below."""
    oidc_audience: str | None = None
    """`aud` that its tokens must name."""
    oidc_jwks: str | None = None
    """File with its public keys (JWKS); read again within a second of a change."""
    party_key: SecretStr | None = None
    """Key of the tokens that stand for payers' accounts, at least 32 bytes. Never changed: docs/settings.md."""
    max_file_bytes: Annotated[int, Field(ge=1, le=64 * 1024 * 1024)] = 32 * 1024 * 1024
    """Largest file that is taken over HTTP, in bytes; a statement of 100,000 lines has about 20 MiB."""

    log_key: Path | None = None
    """File with the key that signs checkpoints (`ledger checkpoint new-key`); where it is set a notary follows."""
    log_name: str | None = None
    """What the ledger is called in checkpoints; checked against the key's, where it is set."""
    log_round_seconds: Annotated[float, Field(gt=0, le=86_400)] = 1.0
    """Pause between two rounds of the notary: what is recorded meanwhile is not signed yet."""
    witnesses: Annotated[str | None, AfterValidator(_witness_pairs)] = None
    """Who cosigns the directory: `URL VERIFIER-KEY` for each witness, one after the other, separated by spaces."""
    witness_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """How often witnesses are asked, where the directory has grown."""
    postgres_programs: Path | None = None
    """Folder of `pg_dump` and `pg_restore`; where unset those on the PATH."""


class SettingUnusable(Exception):
    """A setting is there and cannot be used: which, and why."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: {reason}")


class SettingMissing(Exception):
    """A setting that this command cannot do without is not set."""

    def __init__(self, variable: str, purpose: str) -> None:
        super().__init__(f"{variable} is not set: {purpose}")
        self.variable = variable


def database_url(settings: Settings) -> str:
    """The ledger's URL. Raises SettingMissing."""
    if settings.database_url is None:
        raise SettingMissing("LEDGER_DATABASE_URL", "a SQLAlchemy URL, for example sqlite:///ledger.sqlite")
    return settings.database_url


def token_secret(settings: Settings) -> bytes:
    """The key of the tokens. Raises SettingMissing where it is absent or too short to be one."""
    secret = b"" if settings.token_secret is None else settings.token_secret.get_secret_value().encode()
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingMissing("LEDGER_TOKEN_SECRET", f"at least {MIN_SECRET_BYTES} random bytes sign the tokens")
    return secret


def party_key(settings: Settings) -> bytes:
    """The key of payers' tokens. Raises SettingMissing where it is absent or too short to be one."""
    key = b"" if settings.party_key is None else settings.party_key.get_secret_value().encode()
    if len(key) < MIN_SECRET_BYTES:
        raise SettingMissing("LEDGER_PARTY_KEY", f"at least {MIN_SECRET_BYTES} random bytes, kept for ever")
    return key


def master_keys(settings: Settings) -> Masters:
    """The master keys of the vault, none where none are set. Raises UnreadableMasterKeys, OSError."""
    if settings.vault_key is not None:
        return read_masters(settings.vault_key.get_secret_value())
    return read_masters("" if settings.vault_key_file is None else settings.vault_key_file.read_text())
