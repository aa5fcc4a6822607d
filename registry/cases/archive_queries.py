"""Queries to a web archive about its captures of a case's pages and pictures.

The archive's answers are its own statements and are stored unchanged. Exhibit never queries the archive on its own
initiative: a member requests it for a case that a person has confirmed. The archive learns the URLs of the case's pages
and pictures, and this server's IP address.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from urllib.parse import urlencode

import requests
from django.db import transaction

from crawler.archives.asking import Asking
from crawler.archives.wayback import SECONDS, STATUSES
from crawler.searches.client import SearchRefusedError
from evidence.facts.archive_answers import (
    ANSWERS,
    ArchiveAnswer,
    ArchiveAnswers,
    ArchivedCopy,
    find_earliest,
    get_archive_name,
    is_capture_of,
    list_statements,
    parse_captures,
)
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, NotFoundError, RefusedError, WrongUseError
from exhibit.network.addresses import host_of, port_of
from exhibit.network.guard import Guard
from exhibit.network.http import read_limited
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from registry.alliance.signed_calls import session_for
from registry.cases import history, log_entries
from registry.cases.models import ArchiveQuestion, Case
from registry.cases.picture_usage import ARCHIVED_ROLE
from registry.cases.places import Place, archive_query_key, places_of, rows_of
from registry.crawls.models import Sighting
from registry.crawls.outside_statements import to_rows
from registry.crawls.rate_limits import make_turn_function
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.fields import StoredFile
from registry.db.rows import columns
from registry.members import samples
from registry.pictures import scoped
from registry.pictures.blocklist import find_blocked
from registry.services.services import Services

MAX_PLACES = 5
"""Maximum number of places of a case per request; places that were never queried come first."""
BUSY_PAUSE = timedelta(minutes=5)
_PICTURE_SECONDS = 60.0
_MAX_ANSWER = 20_000  # characters
_WEB = ("http://", "https://")
_FIELDS = "timestamp,original,mimetype,statuscode,digest"


def archive_of(services: Services) -> str:
    """Return the base URL of the web archive, or an empty string if the operator has configured none."""
    return services.config.wayback_url.rstrip("/")


def places_to_query(services: Services, case: Case, places: Sequence[Place] | None = None) -> list[Place]:
    """Return the places of a case (or of ``places``) that a new request would cover.

    Only places on the public web that have no unfinished query are included.
    """
    questions = [*case.archive_questions.all()]
    pending = {archive_query_key(row.sighting) for row in questions if row.state in UNFINISHED}
    queried = {archive_query_key(row.sighting) for row in questions}
    all_places = places_of(rows_of(case, for_sealing=False)) if places is None else places
    candidates = {archive_query_key(place.first): place for place in all_places if _is_disclosable(services, place)}
    open_places = [place for key, place in candidates.items() if key not in pending]
    return sorted(open_places, key=lambda place: archive_query_key(place.first) in queried)[:MAX_PLACES]


def can_query(services: Services, case: Case) -> bool:
    """Return True if members can query an archive about a case.

    The operator must have configured an archive, and a person must have confirmed the case.
    """
    confirmed = case.decision == Case.Decision.CONFIRMED and not (case.waits or case.demonstration)
    return bool(archive_of(services)) and confirmed


def request_queries(services: Services, case: Case, *, by: str) -> list[ArchiveQuestion]:
    """Request archive queries for a confirmed case's places and return the queued questions.

    Raises:
        ConflictError: No person has confirmed the case.
        WrongUseError: The operator has configured no archive.
        NotFoundError: The case has no public URL that an archive could have captured.
    """
    samples.check_not_sample(case.owner)
    if not archive_of(services):
        raise WrongUseError(
            Sentence("No web archive is configured."), hint=Sentence("The operator can set wayback_url.")
        )
    if not can_query(services, case):
        hint = Sentence("First decide that the case is not licensed.")
        raise ConflictError(
            Sentence("No member has decided that case %(number)s is not licensed.", number=case.number), hint=hint
        )
    places = [place for place in places_to_query(services, case) if _is_public(services, place)]
    if not places:
        raise NotFoundError(Sentence("This case has no public URL that could be sent to an archive."))
    with transaction.atomic():
        about = {"case": case, "asked_by": by, "asked_at": now()}
        rows = [
            ArchiveQuestion(sighting=place.first, **columns(place.first, "page_key", "image_key"), **about)
            for place in places
        ]
        ArchiveQuestion.objects.bulk_create(rows, ignore_conflicts=True)
        queued = list(case.archive_questions.filter(state=StepState.TODO).order_by("pk"))
        history.record(case, "archive", by, ("archive-asked", {"archive": get_archive_name(archive_of(services))}))
        log_entries.log_note(case, "archive asked", by=by, archive=archive_of(services), places=len(queued))
        services.enqueue(ArchiveQuestion, [row.pk for row in queued])
    return queued


def run_queries(services: Services, ids: Sequence[int]) -> None:
    """Query the archive for each question in turn, at the rate that the archive allows."""
    for pk in steps.claim(ArchiveQuestion, ids, services.stale_after):
        row = ArchiveQuestion.objects.select_related("sighting__picture", "case__owner").get(pk=pk)
        with steps.processing(ArchiveQuestion, [pk]):
            try:
                answers, pictures = _ArchiveSession(services, row).run()
            except SearchRefusedError as error:
                if error.reason == "busy":
                    pause = BUSY_PAUSE if error.wait is None else timedelta(seconds=error.wait)
                    steps.wait(ArchiveQuestion, pk, now() + pause, error.message)
                else:
                    steps.fail(ArchiveQuestion, pk, error.message, retry=error.reason == "failed")
                continue
            except RefusedError as error:
                steps.fail(ArchiveQuestion, pk, error.message, retry=error.reason == "too-slow")
                continue
            _store(services, row, answers, pictures)


@dataclass(slots=True)
class _ArchiveSession:
    """The requests to the archive about one place, sent one after the other."""

    services: Services
    row: ArchiveQuestion
    answers: list[ArchiveAnswer] = field(default_factory=list)

    def run(self) -> tuple[ArchiveAnswers, list[bytes]]:
        """Send all requests, and return the answers and the picture from the earliest capture.

        The picture is left out if it exceeds the size limit.
        """
        archive = archive_of(self.services)
        pictures: list[bytes] = []
        copies: list[ArchivedCopy] = []
        with session_for(self.services, archive) as session:
            client = Asking(session, get_archive_name(archive), SECONDS, STATUSES, make_turn_function(archive))
            for subject, address in addresses_of(self.row.sighting):
                self._query(client, subject, address, [])
                first_seen = self.row.sighting.first_seen
                if first_seen is not None and find_earliest(archive, self.answers, subject):
                    timestamp = first_seen.astimezone(UTC).strftime("%Y%m%d%H%M%S")
                    self._query(client, subject, address, [("closest", timestamp), ("sort", "closest")])
            earliest = find_earliest(archive, self.answers, "picture")
            if earliest is not None:
                address = earliest.address.replace(f"/web/{earliest.at}/", f"/web/{earliest.at}id_/", 1)
                client.wait()
                data = _download(session, address, self.services.limits.max_bytes)
                if data:
                    pictures.append(data)
                    copies.append(ArchivedCopy(address, now(), Digest.of(data), len(data)))
        return ArchiveAnswers(archive, tuple(self.answers), tuple(copies)), pictures

    def _query(self, client: Asking, subject: str, address: str, extra_parameters: list[tuple[str, str]]) -> None:
        parameters = [
            ("url", address),
            ("matchType", "exact"),
            ("fl", _FIELDS),
            ("filter", "statuscode:200"),
            *extra_parameters,
        ]
        parameters += [("limit", "1"), ("gzip", "false")]
        url = f"{archive_of(self.services)}/cdx/search/cdx?{urlencode(parameters)}"
        status, body = client.get(url, [])
        text = body.decode("utf-8", "replace").strip()
        listed = [*parse_captures("", text)] if len(text) <= _MAX_ANSWER else []
        is_list = not text or (listed and all(is_capture_of(line, address) for line in listed))
        if status != requests.codes.ok or not is_list:
            raise client.unreadable()
        self.answers.append(ArchiveAnswer(subject, address, url, now(), text))


def _download(session: requests.Session, address: str, max_bytes: int) -> bytes:
    """Return the bytes of a capture from the archive, or ``b""`` if it cannot be downloaded."""
    try:
        with session.get(address, allow_redirects=False) as response:
            return (
                read_limited(response, max_bytes, _PICTURE_SECONDS)
                if response.status_code == requests.codes.ok
                else b""
            )
    except (requests.RequestException, RefusedError):
        return b""


def _store(services: Services, row: ArchiveQuestion, answers: ArchiveAnswers, pictures: list[bytes]) -> None:
    """Store the archive's answers and pictures, and add their digests to the log."""
    picture = row.sighting.picture
    assert picture.digest is not None
    data = services.blobs.get(picture.digest) if picture.digest in services.blobs else None
    refused = find_blocked(map(Digest.of, pictures)) | {*scoped.list_reported(row.case.owner)}
    files = [_store_file(services, ANSWERS, "archive-answers.json", "application/json", answers.to_json())]
    for served in (picture_data for picture_data in pictures if Digest.of(picture_data) not in refused):
        files += [_store_file(services, ARCHIVED_ROLE, "archived-picture", "application/octet-stream", served)]
    statements = list_statements(answers, picture.digest, data)
    with transaction.atomic():
        if not ArchiveQuestion.objects.select_for_update(no_key=True).filter(pk=row.pk, state=StepState.DOING).exists():
            return  # another worker has already stored the answers
        ArchiveQuestion.objects.filter(pk=row.pk).update(elsewhere=to_rows(statements), files=files, answered_at=now())
        history.record(row.case, "archive", "", ("archive-answered", {"archive": get_archive_name(answers.archive)}))
        log_entries.log_capture(row.case, "archive answered", files)
        steps.finish(ArchiveQuestion, [row.pk])


def _store_file(services: Services, role: str, name: str, media_type: str, data: bytes) -> StoredFile:
    digest = services.blobs.put(data)
    return {"role": role, "name": name, "media_type": media_type, "digest": digest.hex, "size": len(data)}


def addresses_of(sighting: Sighting) -> list[tuple[str, str]]:
    """Return the URLs of a sighting that an archive can be queried for, as (``page`` or ``picture``, URL) pairs."""
    both = [("page", sighting.page_url), ("picture", sighting.image_url)]
    return [(subject, url) for subject, url in both if url.startswith(_WEB)]


def _is_disclosable(services: Services, place: Place) -> bool:
    """Return True if a place's URLs may be disclosed to an archive.

    Sightings that are private to an owner and URLs in private networks may not. Host names are not resolved here.
    """
    if place.first.private_to_id is not None or not addresses_of(place.first):
        return False
    guard = Guard(allowed_networks=services.config.cocapture_networks)
    try:
        for _of, url in addresses_of(place.first):
            guard.check_url(url)
    except RefusedError:
        return False
    return True


def _is_public(services: Services, place: Place) -> bool:
    """Return True if no host of a place resolves to a private network; hosts that no longer resolve are allowed."""
    guard = Guard(allowed_networks=services.config.cocapture_networks)
    for _of, url in addresses_of(place.first):
        try:
            guard.resolve(host_of(url), port_of(url))
        except RefusedError as error:
            if error.reason != Reason.UNRESOLVABLE:
                return False
    return True
