"""What goes on beside the steps and takes long: how far each of it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.descriptors.networks import model_states
from registry.matches import votes_upkeep
from registry.models import StepState, WorkPicture
from registry.services.services import Services

_OVER = (StepState.DONE, StepState.FAILED)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something is, in words with their unit."""

    what: str
    done: int
    total: int


def going_on(services: Services) -> list[Progress]:
    """All that goes on in the background and isn't done."""
    return [*_searches(), *_networks(services), *_votes()]


def _searches() -> Iterator[Progress]:
    rows = WorkPicture.objects.exclude(state__in=_OVER).exclude(progress={})
    told = list(rows.values_list("progress", flat=True))
    if alike := sum(state.get("alike", 0) for state in told):
        compared = sum(state.get("compared", 0) for state in told)
        yield Progress("pictures seen before compared with new works that they resemble", compared, alike)


def _networks(services: Services) -> Iterator[Progress]:
    for state in model_states(services):
        if state.state in {"building", "failed"}:
            what = f"pictures described by {state.name} {state.version}"
            yield Progress(what, state.described, state.described + state.waiting)


def _votes() -> Iterator[Progress]:
    without = votes_upkeep.unmeasured()
    missing, unreadable = without.count(), without.exclude(refusal="").count()
    total = WorkPicture.objects.filter(work__removed_at=None).values("picture").distinct().count()
    if missing > unreadable:
        yield Progress("registered pictures with local features", total - missing, total - unreadable)
    if unreadable:
        what = "registered pictures can't be read (when their bytes are back: exhibit index rebuild)"
        yield Progress(what, unreadable, total)
