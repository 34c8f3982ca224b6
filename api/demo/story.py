"""The whole year of the city, put together from its stories."""

from collections.abc import Iterator, Mapping
from datetime import date
from random import Random

from api.demo.cases import CASES
from api.demo.city import ACADEMIC, CHENGDU, NATIONAL, SCI_TECH, TIANJIN, ZHEJIANG, Cast
from api.demo.closures import orderly
from api.demo.days import AUTUMN, RELEASE_DAYS, SPRING, after
from api.demo.disputes import late_disputes
from api.demo.facts import Closed
from api.demo.groups import Group, groups
from api.demo.histories import history, school_of
from api.demo.incidents import (
    chargeback,
    file_sent_again,
    lessons_to_a_friend,
    outside_custody,
    paid_twice,
    price_change,
    refused_outright,
    siblings,
)
from api.demo.lessons import class_life
from api.demo.office import Office
from api.demo.refunds import EVERY_FATE
from api.demo.releases import releases
from api.demo.runaway import runs_away
from api.demo.schools import School
from api.demo.supervision import (
    SECURITY_FEN,
    attached,
    frozen_for_a_while,
    new_custodian,
    opened,
    renamed,
    seals,
)
from api.demo.telling import Story, Teller

CLOSES_ON = date(2026, 8, 10)
RUNS_AWAY_ON = date(2026, 9, 16)
CHARGED_BACK_ON = date(2026, 4, 27)
FATED_PLACES = ("CN-ZJ", "CN-AH-WH", "CN-SC-CD")
"""Here every fate happens once, however small the city is."""
UNFATED = 2
"""Children of a class that stay, whatever happens to the others."""

Classes = dict[str, list[Group]]
"""Institution → its classes."""


def the_year(cast: Cast, seed: int, teller: Teller, office: Office, closed: Closed) -> Classes:
    """Hand every story of the city to the teller; gives the classes of every institution."""
    classes: Classes = {}
    fates = list(EVERY_FATE)
    for school, contracts in zip(cast.schools, cast.contracts, strict=True):
        rng = Random(f"{seed}:{school.institution_id}")  # noqa: S311 - a repeatable story, not a secret
        teller.add(opened(school, security_fen=_security_fen(cast, school)), seals(school))
        mine = list(groups(school, contracts, rng))
        if school is cast.orderly:
            mine = [group for group in mine if group.term is not AUTUMN]
        calm = school in (cast.orderly, cast.runaway)
        for group in mine:
            here = school.jurisdiction in FATED_PLACES and group.term is SPRING
            room = max(0, len(group.enrolments) - UNFATED) if here else 0
            certain, fates = fates[:room], fates[room:]
            teller.add(class_life(school, group, rng, teller, calm=calm, certain=certain))
        comes_back_on = RELEASE_DAYS[1] if school is cast.first(CHENGDU) else None
        teller.add(releases(school, comes_back_on=comes_back_on))
        classes[school.institution_id] = mine
    rng = Random(f"{seed}:incidents")  # noqa: S311 - a repeatable story, not a secret
    teller.add(*_payments(cast, classes, rng), *_families(cast, classes), *_institutions(cast))
    running = [group for group in classes[cast.runaway.institution_id] if group.term is AUTUMN]
    families = [each for group in running for each in group.enrolments]
    teller.add(runs_away(cast.runaway, families, RUNS_AWAY_ON, office, closed))
    return classes


def _security_fen(cast: Cast, school: School) -> int:
    """Chengdu asks for security beside custody; so little of it helps where a school runs away."""
    if school is cast.runaway:
        return SECURITY_FEN // 25
    return SECURITY_FEN if school.jurisdiction == "CN-SC-CD" or school is cast.orderly else 0


def _payments(cast: Cast, classes: Classes, rng: Random) -> Iterator[Story]:
    school = cast.first(ACADEMIC)
    group = _of(school, classes)
    yield siblings(school, group, rng)
    yield paid_twice(school, group, rng)
    yield file_sent_again(school, date(2026, 3, 5), rng)
    yield refused_outright(school, group, group.signing_on)
    school = cast.first(TIANJIN)
    yield chargeback(school, _of(school, classes), CHARGED_BACK_ON, rng)


def _families(cast: Cast, classes: Classes) -> Iterator[Story]:
    school = cast.first(SCI_TECH)
    group = _of(school, classes)
    for enrolment in group.enrolments[:5]:
        yield price_change(school, enrolment, group, date(2026, 4, 14))
    school = cast.first(NATIONAL)
    yield lessons_to_a_friend(school, _of(school, classes), date(2026, 4, 15))
    school = cast.first(CHENGDU)
    yield late_disputes(school, _of(school, classes), date(2026, 4, 22))
    school = cast.runaway
    for group in classes[school.institution_id][-2:]:
        for enrolment in group.enrolments[:2]:
            yield outside_custody(school, enrolment, after(RUNS_AWAY_ON, 2))


def _institutions(cast: Cast) -> Iterator[Story]:
    yield frozen_for_a_while(cast.first(SCI_TECH), date(2026, 5, 11))
    yield attached(cast.first(TIANJIN), date(2026, 4, 8))
    yield new_custodian(cast.first(ZHEJIANG), date(2026, 6, 17))
    yield renamed(cast.first(NATIONAL), date(2026, 7, 15))
    yield orderly(cast.orderly, CLOSES_ON)


def _of(school: School, classes: Classes) -> Group:
    """Its first class of the spring."""
    return next(group for group in classes[school.institution_id] if group.term is SPRING)


def published_cases(teller: Teller) -> Mapping[str, School]:
    """Hand the published cases to the teller; each has an institution of its own."""
    schools = {case.id: school_of(case) for case in CASES}
    teller.add(*(history(case, schools[case.id]) for case in CASES))
    return schools
