"""Where the vault meets the commands of the API: orders of forgetting, and contracts for people who were forgotten."""

import structlog

from api.problems import Problem
from api.runtime import Runtime
from api.security.guard import MandatedOrder
from api.security.mandate import Mandate
from api.vault.forgetting import MakeOrder, Tools, contracts_named, read_erasures, remembered_again
from ledger.commands import ForgetSubject, RegisterContract
from ledger.orders import Order
from ledger.rejections import SubjectIsForgotten
from ledger.store.epochs import current_epoch

log = structlog.get_logger("api")


def tools_of(runtime: Runtime) -> Tools:
    """What forgetting works with."""
    return Tools(runtime.ledger, runtime.reader, runtime.runner, runtime.vault, runtime.settings.vault_erasures)


def warn_of_the_remembered(runtime: Runtime) -> None:
    """Say at the start of a restored ledger how many people it remembers that were forgotten, if it does."""
    if current_epoch(runtime.ledger.engine).number == 1:
        return
    back = remembered_again(tools_of(runtime), read_erasures(runtime.settings.vault_erasures))
    if back:
        log.warning("forgotten people are remembered again: ledger vault reconcile", people=len(back))


def mandated(caller: Mandate) -> MakeOrder:
    """Orders of a caller, which the guard holds against the mandate."""

    def order(institution_id: str, key: str, command: ForgetSubject) -> Order:
        return MandatedOrder(
            institution_id=institution_id,
            command_id=key,
            command=command,
            actor=caller.subject,
            role=caller.role,
            mandate=caller,
        )

    return order


def refuse_what_was_forgotten(runtime: Runtime, order: MandatedOrder) -> None:
    """Raises SubjectIsForgotten for a contract of somebody who is (being) forgotten; Problem contracts_differ.

    The core knows who was forgotten at its own institution; the vault knows it of all, and the read models know which
    contracts name somebody.
    """
    command = order.command
    if isinstance(command, RegisterContract):
        gone = runtime.vault.forgotten(command.guardian_id, command.student_id)
        if gone is not None and not runtime.ledger.knows_key(order.institution_id, order.command_id):
            runtime.ledger.preview(order)
            raise SubjectIsForgotten(gone)
    elif isinstance(command, ForgetSubject):
        if contracts_named(tools_of(runtime), order.institution_id, command):
            return
        if not runtime.ledger.knows_key(order.institution_id, order.command_id):
            runtime.ledger.preview(order)
            raise Problem("contracts_differ")
