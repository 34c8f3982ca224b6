"""A distribution as it would be now, as JSON: the same at the command line and over HTTP."""

from typing import Any

from api.closing.distribution import Preview


def preview_document(preview: Preview, *, lines: bool) -> dict[str, Any]:
    """Sums and hash of each list in the order of the pots; with `lines`, every family's share. Amounts in fen."""
    lists = [
        {
            "pot": pot.name,
            "pot_fen": shares.pot_fen,
            "method": shares.method,
            "cut_off_on": shares.cut_off_on.isoformat(),
            "families": len(shares.lines),
            "due_fen": shares.due_fen,
            "shared_fen": shares.shared_fen,
            "list_sha256": shares.list_sha256,
            "lines": [line._asdict() for line in shares.lines] if lines else [],
        }
        for pot, shares in zip(preview.pots, preview.lists, strict=True)
    ]
    waiting = preview.waiting
    return {
        "institution_id": preview.institution_id,
        "version": preview.version,
        "priority_regime": preview.priority_regime,
        "available_fen": preview.available_fen,
        "late": waiting.late,
        "late_fen": waiting.late_fen,
        "unverified": waiting.unverified,
        "distributions": lists,
    }
