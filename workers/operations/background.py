"""Progress of long-running background work that is not a step of a job."""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.fingerprints.descriptor_models import list_model_states
from registry.matches import local_feature_upkeep
from registry.models import StepState, Upload, UploadFile, WorkPicture
from registry.services.services import Services
from registry.works import uploads

_FINISHED_STATES = (StepState.DONE, StepState.FAILED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of one activity. ``what`` describes the counted items."""

    what: str
    done: int
    total: int
    seconds_left: int | None = None  # None if the speed is unknown.


def list_unfinished_work(services: Services) -> list[Progress]:
    """Return all unfinished background work."""
    return [*_list_uploads(), *_list_searches(), *_list_models(services), *_list_local_features()]


def _list_uploads() -> Iterator[Progress]:
    unfinished_upload_ids = UploadFile.objects.exclude(state__in=_FINISHED_STATES).values("upload")
    if progress_list := uploads.compute_progress(Upload.objects.filter(pk__in=unfinished_upload_ids)).values():
        done, total = (
            sum(progress.settled for progress in progress_list),
            sum(progress.announced for progress in progress_list),
        )
        seconds = [progress.seconds_left for progress in progress_list if progress.seconds_left is not None]
        yield Progress("uploaded files registered", done, total, max(seconds, default=None))


def _list_searches() -> Iterator[Progress]:
    rows = WorkPicture.objects.exclude(state__in=_FINISHED_STATES).exclude(progress={})
    states = list(rows.values_list("progress", flat=True))
    if similar_count := sum(state.get("alike", 0) for state in states):
        compared_pairs = sum(state.get("compared", 0) for state in states)
        yield Progress("crawled pictures compared with similar new works", compared_pairs, similar_count)


def _list_models(services: Services) -> Iterator[Progress]:
    for state in list_model_states(services):
        if state.state in {"building", "failed"}:
            label = f"pictures described by {state.name} {state.version}"
            yield Progress(label, state.described, state.described + state.waiting)


def _list_local_features() -> Iterator[Progress]:
    unmeasured_pictures = local_feature_upkeep.list_pictures_without_features()
    missing_count, unreadable_count = unmeasured_pictures.count(), unmeasured_pictures.exclude(refusal="").count()
    total = WorkPicture.objects.filter(work__removed_at=None).values("picture").distinct().count()
    if missing_count > unreadable_count:
        yield Progress("registered pictures with local features", total - missing_count, total - unreadable_count)
    if unreadable_count:
        label = "registered pictures are unreadable (restore their bytes, then: exhibit index rebuild)"
        yield Progress(label, unreadable_count, total)
