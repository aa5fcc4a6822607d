"""Cases and visits that have to do with a picture, and which captured files carry or show it."""

from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet

from evidence.formats.codec import FormatError
from evidence.formats.records import UNDONE, inline_bodies, read_response, read_warc
from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.cases.models import ArchiveQuestion, Capture, Case
from registry.matches.models import Match
from registry.pictures import scoped
from registry.pictures.file_removal import as_they_lie
from registry.services.services import Services

ARCHIVED = "archived-picture"
"""Role of a picture that a web archive served."""
SHOWING = {"captured-image", "wacz", "screenshot", "screenshot-boxed", "page-pdf", "mhtml"}
"""Roles of captured files that carry or show the image; the page's own HTML does when the image is inside it."""
INSIDE = {"exchange", "page", "dom"}
"""Roles of captured files that hold an image only where it was served in them, or is written inside of them."""
CARRYING = {"wacz", "mhtml", *INSIDE}
"""Roles of captured files that hold the bytes of what the visit met, if they have to do with it at all."""


def cases_showing(digest: Digest) -> QuerySet[Case]:
    """The cases that are about the picture: a match with it, or a work that it belongs to."""
    matched = Match.objects.filter(Q(found__digest=digest) | Q(registered__digest=digest))
    about = Q(case_sightings__match__in=matched) | Q(work__work_pictures__picture__digest=digest)
    return Case.objects.filter(about).distinct()


def cases_with(digest: Digest) -> QuerySet[Case]:
    """The cases that have to do with the picture: a match with it, a visit that met it, a work that it belongs to."""
    met = Q(pk__in=cases_showing(digest).values("pk")) | Q(captures__in=visits_with(digest))
    return Case.objects.filter(met).distinct()


def visits_with(digest: Digest) -> QuerySet[Capture]:
    """The visits that met the picture, also where it was something else on the page."""
    met = Q(files__contains=[{"digest": digest.hex}]) | Q(digests__contains=[digest.hex])
    return Capture.objects.filter(met | Q(sighting__picture__digest=digest))


def archived_pictures(digest: Digest) -> Iterator[tuple[Digest, Case]]:
    """What archives served as captures of the picture, whatever its bytes: each with the case they were asked about."""
    rows = ArchiveQuestion.objects.filter(
        Q(sighting__picture__digest=digest) | Q(files__contains=[{"digest": digest.hex}])
    )
    for row in rows.select_related("case__owner"):
        for file in row.files:
            if file["role"] == ARCHIVED:
                yield Digest.from_hex(file["digest"]), row.case


def captured_files(services: Services, digest: Digest, visits: Iterable[Capture]) -> Iterator[Digest]:
    """The files that carry or show the picture, of visits that met it."""
    for row in visits:
        for role, file in ((file["role"], Digest.from_hex(file["digest"])) for file in row.files):
            here = role in INSIDE and file in services.blobs
            if is_shown(digest, role, file, as_they_lie(services, file) if here else b""):
                yield file


def is_shown(digest: Digest, role: str, file: Digest, data: bytes) -> bool:
    """Whether a captured file of this role carries or shows an image, of a visit that met it.

    The bytes are looked at only where the role is one of :data:`INSIDE`.
    """
    if role == "captured-image":
        return file == digest
    return role in SHOWING or (role in INSIDE and _holds(role, data, digest))


def _holds(role: str, data: bytes, digest: Digest) -> bool:
    """Whether the image was served in the recorded exchanges, or is written inside a page."""
    if not data:  # not here any more
        return False
    texts = [data]
    if role == "exchange":
        try:
            answers = [read_response(record.block) for record in read_warc(texts[0], "") if record.kind == "response"]
            if any(not UNDONE.issuperset(answer.codings) for answer in answers if answer is not None):
                return True
            texts = [answer.body() for answer in answers if answer is not None]
        except FormatError:
            return True  # who can't tell takes it along
    return any(Digest.of(body) == digest for text in texts for body in (text, *(raw for _, raw in inline_bodies(text))))


def is_hidden(of: Owner, visit: Capture) -> bool:
    """Whether the files of a visit are handed to no member: it met a picture that was reported as illegal or purged."""
    if scoped.hidden_among(of, [visit.sighting.picture]):
        return True
    return any(visits_with(digest).filter(pk=visit.pk).exists() for digest in scoped.reported(of))
