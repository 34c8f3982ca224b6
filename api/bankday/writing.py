"""Payment files on disk: complete or not there, and written again the same."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, Literal, TypeAlias

from api.bankday.pain001 import no_account, write_pain001
from api.bankday.payments import PaymentFile, Resolver
from api.bankday.tabular import write_csv

Format: TypeAlias = Literal["pain.001", "csv"]
SUFFIX: Final[dict[Format, str]] = {"pain.001": "xml", "csv": "csv"}


def rendered(file: PaymentFile, kind: Format, resolver: Resolver | None = None) -> bytes:
    """The bytes of a payment file in one of its forms."""
    known = resolver or no_account
    return write_pain001(file, known) if kind == "pain.001" else write_csv(file, known)


def write_payment_file(folder: Path, file: PaymentFile, kind: Format, resolver: Resolver | None = None) -> Path:
    """Put the file into a folder, which is made where it is missing. Raises OSError.

    It is written beside its place, made durable and renamed: nobody ever reads half of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file.file_id}.{SUFFIX[kind]}"
    with NamedTemporaryFile(dir=folder, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            temporary.write(rendered(file, kind, resolver))
            temporary.flush()
            os.fsync(temporary.fileno())
            Path(temporary.name).replace(path)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise
    return path
