"""Progress of long-running background work outside of the steps."""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.fingerprints.networks import model_states
from registry.matches import local_feature_upkeep
from registry.models import StepState, Upload, UploadFile, WorkPicture
from registry.services.services import Services
from registry.works import uploads

_OVER = (StepState.DONE, StepState.FAILED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of one activity, in words with their unit."""

    what: str
    done: int
    total: int
    seconds_left: int | None = None  # None if the pace is unknown.


def going_on(services: Services) -> list[Progress]:
    """Return all unfinished background work."""
    return [*_uploads(), *_searches(), *_networks(services), *_votes()]


def _uploads() -> Iterator[Progress]:
    waiting_uploads = UploadFile.objects.exclude(state__in=_OVER).values("upload")
    if under_way := uploads.compute_progress(Upload.objects.filter(pk__in=waiting_uploads)).values():
        done, total = sum(far.settled for far in under_way), sum(far.announced for far in under_way)
        seconds = [far.seconds_left for far in under_way if far.seconds_left is not None]
        yield Progress("uploaded files registered", done, total, max(seconds, default=None))


def _searches() -> Iterator[Progress]:
    rows = WorkPicture.objects.exclude(state__in=_OVER).exclude(progress={})
    states = list(rows.values_list("progress", flat=True))
    if alike := sum(state.get("alike", 0) for state in states):
        compared_pairs = sum(state.get("compared", 0) for state in states)
        yield Progress("pictures seen before compared with new works that they resemble", compared_pairs, alike)


def _networks(services: Services) -> Iterator[Progress]:
    for state in model_states(services):
        if state.state in {"building", "failed"}:
            what = f"pictures described by {state.name} {state.version}"
            yield Progress(what, state.described, state.described + state.waiting)


def _votes() -> Iterator[Progress]:
    without = local_feature_upkeep.list_unmeasured()
    missing, unreadable = without.count(), without.exclude(refusal="").count()
    total = WorkPicture.objects.filter(work__removed_at=None).values("picture").distinct().count()
    if missing > unreadable:
        yield Progress("registered pictures with local features", total - missing, total - unreadable)
    if unreadable:
        what = "registered pictures can't be read (when their bytes are back: exhibit index rebuild)"
        yield Progress(what, unreadable, total)
