"""State of the timestamps of bundles: which services have answered, when the others are expected, and what suffices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Q

from evidence.anchors import KINDS
from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from registry.bundles.models import Bundle
from registry.bundles.proofs import witnesses_of
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.events import events
from registry.events.models import EventKind
from registry.log import witnesses
from registry.log.models import AnchorReceipt
from registry.log.proofs import best_checkpoints, witness_facts

YOUNG = timedelta(days=60)  # Owners are not notified about timestamps of older bundles.
LAST = 200  # Number of recent answers from which waiting times are estimated.
Who = tuple[str, str]  # Kind and name of a timestamp service.


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The number of distinct timestamp services that have completed, were requested, and that the operator requires."""

    complete: int
    asked: int
    needed: int

    @property
    def enough(self) -> bool:
        """True if the bundle has the required number of timestamps."""
        return self.complete >= self.needed


def witnessed(witnesses: Sequence[WitnessFacts], needed: int) -> Witnessed:
    """Count the timestamp services of a bundle, each once, regardless of the number of requests to it."""
    requested = {(witness.kind, witness.name) for witness in witnesses}
    complete = {(witness.kind, witness.name) for witness in witnesses if witness.state == "complete"}
    return Witnessed(len(complete), len(requested), needed)


def tell_witnessed(receipt: AnchorReceipt, needed: int) -> None:
    """Mark the bundles that a newly completed receipt makes fully timestamped, and notify their owners.

    Receipts are processed one at a time: of two concurrent ones, each would miss the other.
    """
    hold(Lock.WITNESSED)
    rows = Bundle.objects.filter(witnessed_at=None, sealed_at__gt=now() - YOUNG).select_related("case__owner")
    if receipt.bundle_id is not None:
        witnessed_rows = [row for row in rows.filter(pk=receipt.bundle_id) if _counted(row, needed).enough]
    elif receipt.checkpoint is None:  # The receipt is for something else, such as a signed sheet.
        witnessed_rows = []
    else:
        done = AnchorReceipt.objects.filter(checkpoint=receipt.checkpoint, state=StepState.DONE)
        enough = done.values("kind", "witness").distinct().count() >= needed
        covered = rows.filter(submission__entry__sequence__lt=receipt.checkpoint.size)
        witnessed_rows = [row for row in covered.order_by("pk") if enough or _counted(row, needed).enough]
    for row in witnessed_rows:
        if Bundle.objects.filter(pk=row.pk, witnessed_at=None).update(witnessed_at=now()):
            details = {"bundle": row.number, "case": row.case.number, "seal": str(row.seal_digest)}
            events.record(row.case.owner, EventKind.BUNDLE_WITNESSED, details)


def _counted(row: Bundle, needed: int) -> Witnessed:
    return witnessed(witnesses_of(row), needed)


@dataclass(frozen=True, slots=True)
class Answer:
    """The state of one timestamp service's answer about a bundle."""

    facts: WitnessFacts
    expected_at: datetime | None = None  # Based on recent waiting times; None once it has answered.
    silent_since: datetime | None = None  # Since when the service has not responded at all.
    asked_again_at: datetime | None = None


def answers_of(bundles: Sequence[Bundle]) -> dict[int, tuple[Answer, ...]]:
    """Return the timestamp services of each bundle by primary key, as ``proofs.witnesses_of`` does, in few queries."""
    best = best_checkpoints([bundle.submission_id for bundle in bundles if bundle.submission_id is not None])
    of_checkpoint: dict[int, list[AnchorReceipt]] = defaultdict(list)
    of_bundle: dict[int, list[AnchorReceipt]] = defaultdict(list)
    receipts = AnchorReceipt.objects.filter(Q(bundle__in=bundles) | Q(checkpoint__in=set(best.values())))
    for row in receipts.select_related("checkpoint", "bundle").order_by("witness"):
        if row.checkpoint_id is not None:
            of_checkpoint[row.checkpoint_id].append(row)
        else:
            assert row.bundle_id is not None
            of_bundle[row.bundle_id].append(row)
    usual, health = usual_waits(), witnesses.health()
    answers = {}
    for bundle in bundles:
        rows = [(row, "manifest") for row in of_bundle[bundle.pk]]
        rows += [(row, "checkpoint") for row in of_checkpoint[best.get(bundle.submission_id or 0, 0)]]
        answers[bundle.pk] = tuple(_answer(row, subject, usual, health) for row, subject in rows)
    return answers


def usual_waits() -> dict[Who, timedelta]:
    """Return each service's median time from the checkpoint to its complete answer, over recent answers."""
    done = AnchorReceipt.objects.filter(state=StepState.DONE, checkpoint__isnull=False)
    took: dict[Who, list[float]] = defaultdict(list)
    rows = done.order_by("-pk").values_list("kind", "witness", "grown_at", "checkpoint__made_at")
    for kind, witness, until, since in rows[:LAST]:
        if until is not None and since is not None:
            took[kind, witness].append((until - since).total_seconds())
    return {key: timedelta(seconds=median(waits)) for key, waits in took.items()}


def _answer(
    row: AnchorReceipt, subject: str, usual: Mapping[Who, timedelta], health: Mapping[Who, witnesses.Health]
) -> Answer:
    facts = witness_facts(row, subject)
    if row.state == StepState.DONE:
        return Answer(facts)
    since = row.checkpoint.made_at if row.checkpoint is not None else row.bundle and row.bundle.sealed_at
    wait = usual.get((row.kind, row.witness), KINDS[row.kind].usual)
    state = health.get((row.kind, row.witness))
    silent = (state.silent_since, state.ask_after) if state is not None else (None, None)
    return Answer(facts, since + wait if since else None, *silent)
