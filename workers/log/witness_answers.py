"""Which witnesses have answered about bundles, and when the others are expected to: for many bundles at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Q

from evidence.anchors import KINDS
from evidence.facts.case import WitnessFacts
from registry.log import witnesses
from registry.models import AnchorReceipt, Bundle, StepState
from workers.log.proofs import best_checkpoints, witness_facts

LAST = 200  # answers whose time tells how long the next ones take
Who = tuple[str, str]  # kind and name of a witness


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
