"""Who the institutions are and where they stand: one row per escrow."""

from collections.abc import Iterable
from datetime import date

from ledger.escrow import Escrow
from ledger.sheets import Profile
from projections.answers import NOW, Answer, Moment, UnknownRow
from projections.database import Row, read_row, table_of
from projections.reading import NO_CONTRACT, Reader, matching


class Institution(Row, frozen=True):
    """One institution under supervision, as last recorded."""

    institution_id: str
    name: str
    uscc: str
    district: str
    jurisdiction: str
    category: str
    licensed: bool
    custodian: str
    account_id: str
    agreement_no: str
    status: str
    closure: str | None
    stopped_on: date | None
    priority_regime: str
    frozen: bool
    attached_fen: int
    successor_id: str
    sealed_on: date | None
    distribution_id: str


institution = table_of("institution", Institution, ["institution_id"], ["district", "institution_id"], ["uscc"])


def institution_rows(escrow: Escrow, profile: Profile) -> Iterable[Institution]:
    """The row of an institution."""
    header = escrow.header
    yield Institution(
        institution_id=header.institution_id,
        name=profile.name,
        uscc=profile.uscc,
        district=profile.district,
        jurisdiction=header.jurisdiction,
        category=header.category,
        licensed=header.licensed,
        custodian=header.custodian,
        account_id=header.account_id,
        agreement_no=profile.agreement_no,
        status=header.status,
        closure=header.closure,
        stopped_on=header.stopped_on,
        priority_regime=header.priority_regime,
        frozen=header.frozen,
        attached_fen=header.attached_fen,
        successor_id=header.successor_id,
        sealed_on=header.sealed_on,
        distribution_id=header.distribution_id,
    )


def find_institution(reader: Reader, institution_id: str, moment: Moment = NOW) -> Answer[Institution | None]:
    """One institution, None where it is unknown at this moment.

    One primary-key look-up; at another moment a fold of the few events about the institution as a whole.
    """
    with reader.open(moment, institution_id, NO_CONTRACT) as reading:
        row = reading.first(matching(institution, institution_id=institution_id))
        return reading.answer(None if row is None else read_row(Institution, row))


def get_institution(reader: Reader, institution_id: str, moment: Moment = NOW) -> Answer[Institution]:
    """One institution. Raises UnknownRow."""
    answer = find_institution(reader, institution_id, moment)
    if answer.data is None:
        raise UnknownRow("institution", institution_id)
    return answer  # type: ignore[return-value] # its data was just seen to be there


def list_institutions(  # noqa: PLR0913 - each is a filter of the list
    reader: Reader,
    moment: Moment = NOW,
    *,
    district: str | None = None,
    jurisdiction: str | None = None,
    status: str | None = None,
    uscc: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Answer[list[Institution]]:
    """Institutions in order of their id. An index range of `limit` rows; by `uscc` a look-up."""
    query = matching(institution, district=district, jurisdiction=jurisdiction, status=status, uscc=uscc)
    with reader.open(moment) as reading:
        return reading.page(Institution, query, [institution.c.institution_id], after, limit)
