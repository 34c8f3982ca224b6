"""Mandates from roles and scopes, and back: exactly what a role needs, and nothing else."""

import re
from collections.abc import Mapping
from typing import Any

from api.security.mandate import OFFICERS, Mandate
from ledger.identifiers import Role, is_id

SUBJECT = re.compile(r"[A-Za-z0-9_-]{1,56}")
_JURISDICTION = re.compile(r"CN(-[A-Z]{2}){0,2}")


class UnfitMandate(ValueError):
    """The scope does not fit the role: what is wrong is said in words."""


def mandate_of(subject: str, role: Role, scope: object) -> Mandate:
    """The mandate with this scope, exactly what the role needs and nothing else. Raises UnfitMandate."""
    if not SUBJECT.fullmatch(subject):
        raise UnfitMandate("名称为 1 至 56 位字母、数字、- 或 _ a subject is 1 to 56 letters, digits, - or _")
    given = scope if isinstance(scope, Mapping) else {}
    match role:
        case Role.BANK:
            _only(given, "custodians")
            return Mandate(subject, role, custodians=_ids(given, "custodians"))
        case Role.INSTITUTION:
            _only(given, "institutions")
            return Mandate(subject, role, institutions=_ids(given, "institutions"))
        case Role.GUARDIAN:
            _only(given, "guardian_id")
            return Mandate(subject, role, guardian_id=_id(given.get("guardian_id"), "guardian_id"))
        case Role.MEDIATOR | Role.REGULATOR | Role.AUDITOR:
            _only(given, "jurisdiction", "district")
            return _officer(subject, role, given)


def scope_of(mandate: Mandate) -> dict[str, Any]:
    """The scope of a mandate, as it stands in tokens and in the registry."""
    scope: dict[str, Any] = {}
    if mandate.custodians:
        scope["custodians"] = sorted(mandate.custodians)
    if mandate.institutions:
        scope["institutions"] = sorted(mandate.institutions)
    if mandate.guardian_id is not None:
        scope["guardian_id"] = mandate.guardian_id
    if mandate.role in OFFICERS:
        scope["jurisdiction"] = mandate.jurisdiction
        if mandate.district is not None:
            scope["district"] = mandate.district
    return scope


def _officer(subject: str, role: Role, given: Mapping[str, Any]) -> Mandate:
    jurisdiction, district = given.get("jurisdiction"), given.get("district")
    if not isinstance(jurisdiction, str) or not _JURISDICTION.fullmatch(jurisdiction):
        raise UnfitMandate("公职人员须写明辖区，如 CN-BJ an officer needs a jurisdiction such as CN-BJ")
    if district is not None and not (isinstance(district, str) and district):
        raise UnfitMandate("区为名称 a district is a name")
    return Mandate(subject, role, jurisdiction=jurisdiction, district=district)


def _only(given: Mapping[str, Any], *names: str) -> None:
    if unknown := set(given) - set(names):
        raise UnfitMandate(f"此角色没有这个范围 this role has no scope {', '.join(sorted(map(str, unknown)))}")


def _ids(given: Mapping[str, Any], name: str) -> frozenset[str]:
    ids = given.get(name)
    if not isinstance(ids, list) or not ids:
        raise UnfitMandate(f"此角色须写明 this role needs {name}")
    return frozenset(_id(each, name) for each in ids)


def _id(value: object, name: str) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise UnfitMandate(f"{name} 缺失或格式不对 is missing or malformed")
    return value
