"""Where an escrow is kept, as its own rows say at this moment: who may ask about it before anything is decided."""

from sqlalchemy import select

from api.problems.mapping import escrow_unknown
from api.security.mandate import Keeping, Mandate
from ledger.application import Ledger
from ledger.sheets import Profile, sheet_key
from ledger.store.rows import decode_header, decode_sheet
from ledger.store.tables import headers, sheets


def require_covered(ledger: Ledger, caller: Mandate, institution_id: str) -> None:
    """Raises Problem escrow_unknown unless the escrow exists for the caller."""
    keeping = keeping_in(ledger, institution_id)
    if keeping is None or not caller.covers(keeping):
        raise escrow_unknown(institution_id)


def keeping_in(ledger: Ledger, institution_id: str) -> Keeping | None:
    """What decides who may see an escrow; None where there is none."""
    key = sheet_key(Profile, institution_id)
    of_header = select(headers.c.state).where(headers.c.institution_id == institution_id)
    of_profile = select(sheets.c.state).where(sheets.c.institution_id == institution_id, sheets.c.sheet_key == key)
    with ledger.engine.connect() as connection:
        header_row, profile_row = connection.execute(of_header).scalar(), connection.execute(of_profile).scalar()
    if header_row is None:
        return None
    header, profile = decode_header(header_row), None if profile_row is None else decode_sheet(key, profile_row)
    district = profile.district if isinstance(profile, Profile) else ""
    return Keeping(institution_id, header.custodian, header.jurisdiction, district)
