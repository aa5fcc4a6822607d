"""Which witnesses have answered about bundles, when the others are expected to, and what counts as witnessed here."""

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

YOUNG = timedelta(days=60)  # of older bundles nobody waits to hear that they are witnessed
LAST = 200  # answers whose time tells how long the next ones take
Who = tuple[str, str]  # kind and name of a witness


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
    return witnessed(witnesses_of(row), needed)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one witness has said about a bundle, and how far it is."""

    facts: WitnessFacts
    expected_at: datetime | None = None  # in full, by how long it took lately; ``None`` once it has answered
    silent_since: datetime | None = None  # when it was asked and answers nothing at all
    asked_again_at: datetime | None = None


def answers_of(bundles: Sequence[Bundle]) -> dict[int, tuple[Answer, ...]]:
    """The witnesses of each bundle, by its key, as ``proofs.witnesses_of`` has them; fifty cost no more than one."""
    best = best_checkpoints([bundle.submission_id for bundle in bundles if bundle.submission_id is not None])
    of_checkpoint: dict[int, list[AnchorReceipt]] = defaultdict(list)
    of_bundle: dict[int, list[AnchorReceipt]] = defaultdict(list)
    asked = AnchorReceipt.objects.filter(Q(bundle__in=bundles) | Q(checkpoint__in=set(best.values())))
    for row in asked.select_related("checkpoint", "bundle").order_by("witness"):
        if row.checkpoint_id is not None:
            of_checkpoint[row.checkpoint_id].append(row)
        else:
            assert row.bundle_id is not None
            of_bundle[row.bundle_id].append(row)
    usual, health = usual_waits(), witnesses.health()
    found = {}
    for bundle in bundles:
        rows = [(row, "manifest") for row in of_bundle[bundle.pk]]
        rows += [(row, "checkpoint") for row in of_checkpoint[best.get(bundle.submission_id or 0, 0)]]
        found[bundle.pk] = tuple(_answer(row, subject, usual, health) for row, subject in rows)
    return found


def usual_waits() -> dict[Who, timedelta]:
    """How long each witness took lately from the checkpoint to its full answer: the middle of the last ones."""
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
