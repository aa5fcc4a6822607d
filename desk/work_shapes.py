"""The shapes of works, of what is brought to become one, and of what was found in a picture."""

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from desk import ownership_words, upload_words
from desk.masks import masks
from desk.plain_rows import Plain, fields
from registry import owned
from registry.models import Deposit, OwnershipRemark, Revisit, Upload, UploadFile, Work, WorkAttachment, WorkChange
from workers.ownership import terms

if TYPE_CHECKING:
    from workers.identify import FoundWork
    from workers.uploads import Progress


def with_pictures(works: QuerySet[Work]) -> QuerySet[Work]:
    """Works with all that :func:`work` reads, in few queries."""
    return works.prefetch_related("conflicts", "work_pictures__picture")


def work(row: Work) -> Plain:
    """A registered work. ``flags`` says why it can't be matched safely."""
    return {
        **fields(row, "number title author first_publication registrations registered_at"),
        "file": row.source_name,
        "rights": row.rights_statement,
        "flags": row.low_information,
        "conflicts": conflicts(row),
        "pictures": [
            {**fields(one.picture, "digest format width height"), "bytes": one.picture.size, "masked": masks(one)}
            for one in row.work_pictures.all()
        ],
    }


def full_work(row: Work) -> Plain:
    """A work with all that is declared of it, what speaks against that, its cases, and how far its search is."""
    cases = owned.cases(row.owner).filter(work=row)
    return {
        **work(row),
        **fields(row, "author_kind author_died holder credit created medium"),
        "version": row.changes.count(),
        "stated": row.metadata,
        "remarks": [remark(one) for one in row.remarks.order_by("kind")],
        "terms": [{"country": one.country, "standing": str(one.standing), "source": one.source} for one in terms(row)],
        "documents": [document(one) for one in row.attachments.filter(removed_at=None)],
        "cases": [fields(one, "number party decision") for one in cases],
        **past(row),
    }


def deposit(row: Deposit) -> Plain:
    """A deposit record of a work."""
    return {"work": row.work.number, **fields(row, "number sealed_at made_by"), "seal": row.seal_digest.hex}


def past(row: Work) -> Plain:
    """How far the search of what was seen before is, for each picture, and what had expired by then."""
    pictures = list(row.work_pictures.order_by("pk"))
    seen = Revisit.objects.filter(owner=row.owner_id, registered__in=[one.picture_id for one in pictures])
    return {
        "search": [{"state": one.state, **one.progress} for one in pictures],
        "seen_before": [
            fields(one, "outcome hamming inliers dense sentence") for one in seen.order_by("hamming", "pk")
        ],
    }


def conflicts(row: Work) -> list[Plain]:
    """That an earlier registration by somebody else exists, and its date; nothing more may be told."""
    dates = [one.earlier_registered_at for one in row.conflicts.all()]
    if not dates:
        return []
    day = min(dates).date().isoformat()
    return [{"sentence": f"An earlier registration of this or a near-same picture exists, of {day}.", "date": day}]


def remark(row: OwnershipRemark) -> Plain:
    """Something that a person should look at before a work is relied on."""
    said = ownership_words.said_of(row)
    return {
        **fields(row, "kind noted_at answered_at answered_by reason"),
        "sentence": said.sentence,
        "stated": [{"field": field, "text": text} for field, text in said.stated],
    }


def open_remarks(row: Work) -> list[Plain]:
    """What speaks against a work, and nobody has answered."""
    return [remark(one) for one in row.remarks.filter(answered_at=None).order_by("kind")]


def document(row: WorkAttachment) -> Plain:
    """A document beside a work."""
    return {**fields(row, "number name about digest added_by added_at"), "bytes": row.size}


def change(row: WorkChange) -> Plain:
    """One line of a work's history."""
    return fields(row, "number at by kind details reason")


def upload(row: Upload, far: "Progress") -> Plain:
    """Files that somebody brings, and how far they are."""
    return {
        **fields(row, "number author reads_metadata started_by started_at closed_at"),
        "rights": row.rights_statement,
        "table": row.table_name,
        **fields(far, "announced arrived waiting registered known refused done"),
    }


def upload_file(row: UploadFile) -> Plain:
    """One file of an upload, and what came of it."""
    return {
        **fields(row, "name digest state outcome reason"),
        "bytes": row.size,
        "why": upload_words.why(row),
        "what_to_do": upload_words.what_to_do(row),
        "work": None if row.work is None else row.work.number,
    }


def found_work(found: "FoundWork") -> Plain:
    """A work that a picture shows, with the figures of the comparison."""
    from indexer.wording import as_plain  # noqa: PLC0415 - loads what measures pictures
    from workers.texts import words_of  # noqa: PLC0415

    return {
        **fields(found.work, "number title registered_at"),
        "file": found.work.source_name,
        "picture": found.picture.digest.hex,
        **as_plain(found.verification),
        "sentences": list(words_of(found.verification, found.calibration)),
    }
