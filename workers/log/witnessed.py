"""Whether a bundle counts as witnessed here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from registry.db.locks import Lock, hold
from registry.models import AnchorReceipt, Bundle, EventKind, StepState
from registry.notifications import events

YOUNG = timedelta(days=60)  # of older bundles nobody waits to hear that they are witnessed


@dataclass(frozen=True, slots=True)
class Witnessed:
    """How many different witnesses have answered in full about a bundle, were asked, and are wanted by the operator."""

    complete: int
    asked: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether it counts as witnessed."""
        return self.complete >= self.needed


def witnessed(witnesses: Sequence[WitnessFacts], needed: int) -> Witnessed:
    """Count the witnesses of a bundle, each once whatever it was asked."""
    asked = {(witness.kind, witness.name) for witness in witnesses}
    complete = {(witness.kind, witness.name) for witness in witnesses if witness.state == "complete"}
    return Witnessed(len(complete), len(asked), needed)


def tell_witnessed(receipt: AnchorReceipt, needed: int) -> None:
    """Note which bundles a receipt, complete since this transaction, makes witnessed, and tell their owners.

    One receipt at a time: of two that come together each would miss the other.
    """
    hold(Lock.WITNESSED)
    rows = Bundle.objects.filter(witnessed_at=None, sealed_at__gt=now() - YOUNG).select_related("case__owner")
    if receipt.bundle_id is not None:
        found = [row for row in rows.filter(pk=receipt.bundle_id) if _counted(row, needed).enough]
    elif receipt.checkpoint is None:  # it stands for something else, such as a signed sheet
        found = []
    else:
        done = AnchorReceipt.objects.filter(checkpoint=receipt.checkpoint, state=StepState.DONE)
        enough = done.values("kind", "witness").distinct().count() >= needed
        covered = rows.filter(submission__entry__sequence__lt=receipt.checkpoint.size)
        found = [row for row in covered.order_by("pk") if enough or _counted(row, needed).enough]
    for row in found:
        if Bundle.objects.filter(pk=row.pk, witnessed_at=None).update(witnessed_at=now()):
            told = {"bundle": row.number, "case": row.case.number, "seal": str(row.seal_digest)}
            events.record(row.case.owner, EventKind.BUNDLE_WITNESSED, told)


def _counted(row: Bundle, needed: int) -> Witnessed:
    from workers.log.proofs import witnesses_of  # noqa: PLC0415 - it asks for receipts, as the step that calls this does

    return witnessed(witnesses_of(row), needed)
