"""Uploads of works: files arrive in portions, are stored temporarily, and are registered in the background.

Duplicates are registered once: the same file in an upload, and the same picture of an owner.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, RefusedError
from registry import jobs
from registry.accounts.models import Owner
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import get_next_number, lock_row
from registry.pictures.blocklist import find_blocked_digests
from registry.services.disk import is_disk_full
from registry.services.services import Services
from registry.works.models import Upload, UploadFile, UploadLine
from registry.works.ownership import PROBLEMS
from registry.works.registration import get_remaining_quota
from registry.works.work_tables import WorksTable, normalise_name, to_row

MAX_FILES = 100_000  # per upload
MAX_NAME_LENGTH = 300
OMISSION_REASONS = frozenset({"too-many-bytes", "not-a-picture", "hidden", "unreadable"})
# Refusals that may no longer apply when the file is sent again
RETRYABLE_REASONS = frozenset({"quota", "missing", "unreadable"})
IDLE_SECONDS = 3600.0
MAX_QUEUED = 64
RATE_WINDOW = timedelta(minutes=3)
"""The remaining time is estimated from the files whose registration started within this time."""
_FINAL_STATES = (StepState.DONE, StepState.FAILED)
_REFUSED_FILTER = Q(outcome=UploadFile.Outcome.REFUSED) | Q(state=StepState.FAILED)


@dataclass(frozen=True, slots=True)
class DeclarationDefaults:
    """Defaults for the declarations of an upload's files, used where the table and the metadata have no value."""

    author: str = ""
    rights_statement: str = ""
    reads_metadata: bool = True


@dataclass(frozen=True, slots=True)
class SentFile:
    """A received file: its name, its size in bytes, and a function that reads it."""

    name: str
    size: int
    load: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class OmittedFile:
    """A file that the client did not send, with the reason, one of :data:`OMISSION_REASONS`."""

    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of an upload, in numbers of files."""

    announced: int  # number of files announced by the client
    arrived: int  # including refused ones
    waiting: int
    registered: int
    known: int  # files whose picture was already registered
    refused: int  # including files whose step has failed
    closed: bool  # True if the client has reported that all files were sent
    seconds_left: int | None = None  # estimated from the last minutes; None if nothing was registered in that time

    @property
    def done(self) -> bool:
        """True if the upload is finished."""
        return self.closed and not self.waiting

    @property
    def settled(self) -> int:
        """Number of files with a result."""
        return self.registered + self.known + self.refused

    @property
    def minutes_left(self) -> int | None:
        """Remaining time in minutes, rounded up."""
        return None if self.seconds_left is None else ceil(self.seconds_left / 60)

    @property
    def missing(self) -> int:
        """Number of files that were announced but did not arrive."""
        return max(self.announced - self.arrived, 0)


def start_upload(
    owner: Owner,
    declaration: DeclarationDefaults,
    *,
    by: str,
    table: WorksTable | None,
    announced: int,
) -> Upload:
    """Start an upload, with the declarations of a table if given. Raises ``InvalidRequestError`` for too many files."""
    if announced > MAX_FILES:
        raise _make_too_many_error()
    with lock_row(owner):
        upload = Upload.objects.create(
            owner=owner,
            number=get_next_number(owner.uploads),
            announced=announced,
            table_name="" if table is None else table.name[:MAX_NAME_LENGTH],
            started_by=by,
            started_at=now(),
            **asdict(declaration),
        )
        rows = (
            UploadLine(upload=upload, file=file, declared=to_row(file, work)) for file, work in (table or {}).items()
        )
        UploadLine.objects.bulk_create(rows, batch_size=1000)
    return upload


def receive_files(
    services: Services, upload: Upload, files: Sequence[SentFile], omitted_files: Sequence[OmittedFile] = ()
) -> None:
    """Store a portion of files: valid files are pending until their step, others are recorded as refused.

    Files that the client omitted are recorded as refused with its reason. If an error is raised, nothing was accepted.

    Raises:
        InvalidRequestError: There are too many files.
        RefusedError: The disk is full. A later attempt may succeed.
    """
    if upload.files.count() + len(files) + len(omitted_files) > MAX_FILES:
        raise _make_too_many_error()
    check_disk_space(services)
    max_bytes = services.limits.max_bytes
    rows = [_make_refused_file(upload, file.name, file.size, None, file.reason) for file in omitted_files]
    waiting_files = UploadFile.objects.filter(upload__owner=upload.owner).exclude(state__in=_FINAL_STATES)
    remaining_quota = get_remaining_quota(services, upload.owner) - (
        waiting_files.aggregate(sum=Sum("size"))["sum"] or 0
    )
    store = services.uploads.get_store(upload.pk)
    for sent_file in files:
        if not sent_file.size or sent_file.size > max_bytes:
            rows.append(
                _make_refused_file(
                    upload, sent_file.name, sent_file.size, None, "too-many-bytes" if sent_file.size else "empty"
                )
            )
            continue
        data = sent_file.load()
        digest = Digest.from_bytes(data)
        if find_blocked_digests([digest]):
            rows.append(_make_refused_file(upload, sent_file.name, sent_file.size, digest, "blocked"))
        elif sent_file.size > remaining_quota:
            rows.append(_make_refused_file(upload, sent_file.name, sent_file.size, digest, "quota"))
        else:
            remaining_quota -= sent_file.size
            store.put(data)
            rows.append(
                UploadFile(upload=upload, name=normalise_name(sent_file.name), digest=digest, size=sent_file.size)
            )
    pending_ids = _store_files(upload, rows)
    # The tick sends the rest, so that one large upload does not block the other owners.
    if services.count_queued("register") < jobs.MAX_MESSAGES:
        services.enqueue(UploadFile, pending_ids)


def check_disk_space(services: Services) -> None:
    """Raise ``RefusedError`` if the disk is too full for uploads. A later attempt may succeed."""
    if is_disk_full(services):
        hint = _("Contact the operator, and upload the remaining files later.")
        raise RefusedError(_("No space is left on the disk."), reason="disk", hint=hint)


def close_upload(upload: Upload) -> None:
    """Record that all files have been sent. Further files are still accepted."""
    Upload.objects.filter(pk=upload.pk, closed_at=None).update(closed_at=now())


def retry_failed(services: Services, upload: Upload) -> int:
    """Queue failed files again and return their number."""
    ids = steps.retry_failed(UploadFile, upload.files.all())
    services.enqueue(UploadFile, ids[:MAX_QUEUED])
    return len(ids)


def compute_progress(uploads: Iterable[Upload]) -> dict[int, Progress]:
    """Return the progress of uploads, by primary key, in one query."""
    by_key, current_time = {upload.pk: upload for upload in uploads}, now()
    rows = UploadFile.objects.filter(upload__in=by_key).values_list("upload", "outcome", "state").order_by()
    is_recent = Q(claimed_at__gt=current_time - RATE_WINDOW) & ~Q(outcome="")
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in by_key}
    starts: dict[int, list[datetime]] = {pk: [] for pk in by_key}
    recent_aggregates = {"recent": Count("pk", filter=is_recent), "start": Min("claimed_at", filter=is_recent)}
    for pk, outcome, state, count, recent_count, start in rows.annotate(count=Count("pk"), **recent_aggregates):
        counts[pk]["arrived"] += count
        counts[pk]["recent"] += recent_count
        counts[pk]["refused" if state == StepState.FAILED else outcome or "waiting"] += count
        starts[pk] += [start] if start else []
    return {
        pk: Progress(
            announced=max(upload.announced, counts[pk]["arrived"]),
            **{name: counts[pk][name] for name in ("arrived", "waiting", "registered", "known", "refused")},
            closed=upload.closed_at is not None,
            seconds_left=_estimate_seconds(upload, counts[pk], current_time - min(starts[pk], default=current_time)),
        )
        for pk, upload in by_key.items()
    }


def _estimate_seconds(upload: Upload, counts: Counter[str], elapsed: timedelta) -> int | None:
    """Estimate the seconds that the rest of an upload takes, from the files registered within the time ``elapsed``."""
    unsent_count = 0 if upload.closed_at else max(upload.announced - counts["arrived"], 0)
    if not (remaining_files := counts["waiting"] + unsent_count):
        return 0
    return ceil(remaining_files * elapsed.total_seconds() / counts["recent"]) if counts["recent"] else None


def list_refused_files(upload: Upload) -> QuerySet[UploadFile]:
    """Return the files that could not be registered, by name."""
    return upload.files.filter(_REFUSED_FILTER).order_by("name", "pk")


def list_received_files(upload: Upload) -> QuerySet[UploadFile]:
    """Return the files that have arrived and need not be sent again."""
    return upload.files.exclude(_REFUSED_FILTER)


def list_rows_without_files(upload: Upload) -> QuerySet[UploadLine]:
    """Return rows of the table for which no file arrived."""
    return upload.lines.filter(~Exists(UploadFile.objects.filter(line=OuterRef("pk")))).order_by("file")


def list_existing_with_rows(upload: Upload) -> QuerySet[UploadFile]:
    """Return files of existing works that have a row in the table, by name."""
    rows = upload.files.filter(outcome=UploadFile.Outcome.KNOWN).exclude(line=None).exclude(work=None)
    return rows.select_related("work", "line").order_by("name", "pk")


def list_files_with_metadata_problems(upload: Upload) -> QuerySet[UploadFile]:
    """Return files registered as works whose metadata has problems, by name."""
    rows = upload.files.filter(work__metadata__has_key=PROBLEMS).select_related("work")
    return rows.order_by("name", "pk")


def count_metadata_problems(uploads: Iterable[Upload]) -> dict[int, int]:
    """Count files whose metadata has problems, by primary key of the upload."""
    counts = {upload.pk: 0 for upload in uploads}
    rows = (
        UploadFile.objects.filter(upload__in=counts, work__metadata__has_key=PROBLEMS).values_list("upload").order_by()
    )
    return counts | dict(rows.annotate(count=Count("pk")))


def list_shared_rows(upload: Upload) -> QuerySet[UploadFile, tuple[str, int]]:
    """Return rows (file, count) that apply to several works, because files in different folders have the same name."""
    rows = upload.files.filter(outcome=UploadFile.Outcome.REGISTERED).exclude(line=None).order_by("line__file")
    return rows.values_list("line__file").annotate(count=Count("pk")).filter(count__gt=1)


def delete_idle_bytes(services: Services) -> None:
    """Delete the stored bytes of uploads that have no unfinished files and received none for some time."""
    idle_uploads = set(services.uploads.iterate_idle(IDLE_SECONDS))
    unfinished_uploads = UploadFile.objects.exclude(state__in=_FINAL_STATES).filter(upload__in=idle_uploads)
    for pk in idle_uploads - set(unfinished_uploads.values_list("upload_id", flat=True)):
        services.uploads.clear(pk)


def delete_bytes(services: Services, digest: Digest) -> None:
    """Delete bytes from all uploads, for a purge."""
    for pk in UploadFile.objects.filter(digest=digest).values_list("upload_id", flat=True).distinct():
        services.uploads.get_store(pk).remove(digest)


def _make_refused_file(upload: Upload, name: str, size: int, digest: Digest | None, reason: str) -> UploadFile:
    return UploadFile(
        upload=upload, name=normalise_name(name), size=size, digest=digest, reason=reason,
        outcome=UploadFile.Outcome.REFUSED, state=StepState.DONE,
    )  # fmt: skip


def _store_files(upload: Upload, rows: Sequence[UploadFile]) -> list[int]:
    """Store rows of files and return the pending ones. Earlier rows are replaced only if they can be retried."""
    names = {row.name for row in rows}
    with lock_row(upload):
        file_names = names | {name.rsplit("/", 1)[-1] for name in names}
        lines = dict(upload.lines.filter(file__in=file_names).values_list("file", "pk"))
        for row in rows:
            row.line_id = lines.get(row.name) or lines.get(row.name.rsplit("/", 1)[-1])
        arrived_files = {(row.name, row.digest) for row in rows}
        for earlier_file in upload.files.filter(_REFUSED_FILTER, name__in=names):  # The file may be accepted now.
            if (
                (earlier_file.name, earlier_file.digest) not in arrived_files
                or earlier_file.reason in RETRYABLE_REASONS
                or earlier_file.state == StepState.FAILED
            ):
                earlier_file.delete()
        UploadFile.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        pending_files = upload.files.filter(name__in=names, state=StepState.QUEUED)
        return sorted(pending_files.values_list("pk", flat=True))


def _make_too_many_error() -> InvalidRequestError:
    text = _("An upload can have at most %(most)d files.") % {"most": MAX_FILES}
    return InvalidRequestError(text, hint=_("Start another upload for the remaining files."))
