"""Cases and visits that involve a picture, and the captured files that contain or show it."""

from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet

from evidence.formats.codec import FormatError
from evidence.formats.records import DECODED_ENCODINGS, list_inline_images, read_response, read_warc
from exhibit.digests import Digest
from registry.accounts.models import Owner
from registry.cases.models import ArchiveLookup, Capture, Case
from registry.matches.models import Match
from registry.pictures import scoped
from registry.pictures.file_removal import read_unverified
from registry.services.services import Services

ARCHIVED_ROLE = "archived-picture"
"""Role of a picture that a web archive served."""
SHOWING_ROLES = {"captured-image", "wacz", "screenshot", "screenshot-boxed", "page-pdf", "mhtml"}
"""Roles of captured files that contain or show the image. For HTML, see :data:`EMBEDDING_ROLES`."""
EMBEDDING_ROLES = {"exchange", "page", "dom"}
"""Roles of captured files that contain an image only if it was served in them or is embedded in them."""
CARRYING_ROLES = {"wacz", "mhtml", *EMBEDDING_ROLES}
"""Roles of captured files that contain the bytes of everything a visit received."""


def find_cases_about_picture(digest: Digest) -> QuerySet[Case]:
    """Return the cases about a picture: those with a match of it, or whose work contains it."""
    matches = Match.objects.filter(Q(found__digest=digest) | Q(registered__digest=digest))
    condition = Q(case_sightings__match__in=matches) | Q(work__work_pictures__picture__digest=digest)
    return Case.objects.filter(condition).distinct()


def find_cases_with_picture(digest: Digest) -> QuerySet[Case]:
    """Return the cases that involve a picture: by a match, a visit that received it, or a work that contains it."""
    condition = Q(pk__in=find_cases_about_picture(digest).values("pk")) | Q(
        captures__in=find_visits_with_picture(digest)
    )
    return Case.objects.filter(condition).distinct()


def find_visits_with_picture(digest: Digest) -> QuerySet[Capture]:
    """Return the visits that received a picture, even as an unrelated part of the page."""
    condition = Q(files__contains=[{"digest": digest.hex}]) | Q(digests__contains=[digest.hex])
    return Capture.objects.filter(condition | Q(sighting__picture__digest=digest))


def list_archived_pictures(digest: Digest) -> Iterator[tuple[Digest, Case]]:
    """Yield the digest and the case of each archived copy of a picture; its bytes may differ from the picture's."""
    rows = ArchiveLookup.objects.filter(
        Q(sighting__picture__digest=digest) | Q(files__contains=[{"digest": digest.hex}])
    )
    for row in rows.select_related("case__owner"):
        for file in row.files:
            if file["role"] == ARCHIVED_ROLE:
                yield Digest.from_hex(file["digest"]), row.case


def list_files_with_picture(services: Services, digest: Digest, visits: Iterable[Capture]) -> Iterator[Digest]:
    """Yield the digests of files that contain or show a picture, from visits that received it."""
    for row in visits:
        for role, file in ((file["role"], Digest.from_hex(file["digest"])) for file in row.files):
            is_readable = role in EMBEDDING_ROLES and file in services.blobs
            if shows_picture(digest, role, file, read_unverified(services, file) if is_readable else b""):
                yield file


def shows_picture(digest: Digest, role: str, file: Digest, data: bytes) -> bool:
    """Return True if a captured file of a visit that received an image contains or shows it.

    The bytes are examined only if the role is one of :data:`EMBEDDING_ROLES`.
    """
    if role == "captured-image":
        return file == digest
    return role in SHOWING_ROLES or (role in EMBEDDING_ROLES and _contains_picture(role, data, digest))


def _contains_picture(role: str, data: bytes, digest: Digest) -> bool:
    """Return True if the image was served in the recorded exchanges or is embedded in a page."""
    if not data:  # no longer stored
        return False
    texts = [data]
    if role == "exchange":
        try:
            responses = [read_response(record.block) for record in read_warc(texts[0], "") if record.kind == "response"]
            if any(
                not DECODED_ENCODINGS.issuperset(response.content_encodings)
                for response in responses
                if response is not None
            ):
                return True
            texts = [response.decode_body() for response in responses if response is not None]
        except FormatError:
            return True  # unreadable: assume that it contains the image
    return any(
        Digest.from_bytes(body) == digest
        for text in texts
        for body in (text, *(inline_body for _, inline_body in list_inline_images(text)))
    )


def is_visit_hidden(owner: Owner, visit: Capture) -> bool:
    """Return True if a visit's files are withheld because it received a picture that was reported or purged."""
    if scoped.find_hidden_pictures(owner, [visit.sighting.picture]):
        return True
    return any(
        find_visits_with_picture(digest).filter(pk=visit.pk).exists() for digest in scoped.list_reported_digests(owner)
    )
