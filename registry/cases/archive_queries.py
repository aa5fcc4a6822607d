"""Queries to a web archive about its captures of a case's pages and pictures.

The archive's responses are stored unchanged, as its own statements. Exhibit queries an archive only if a member
requests it, and only for a case that a member has confirmed. The archive learns the URLs of the case's pages
and pictures, and this server's IP address.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from urllib.parse import urlencode

import requests
from django.db import transaction

from crawler.archives.index_client import IndexClient
from crawler.archives.wayback import REQUEST_INTERVAL_SECONDS, STATUSES
from crawler.searches.client import SearchRefusedError
from evidence.facts.archive_responses import (
    ARCHIVE_RESPONSES_ROLE,
    ArchivedCopy,
    ArchiveResponse,
    ArchiveResponses,
    find_earliest,
    get_archive_name,
    is_capture_of,
    list_statements,
    parse_captures,
)
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError, RefusedError
from exhibit.network.addresses import get_url_host, get_url_port
from exhibit.network.guard import Guard
from exhibit.network.http import read_limited
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from registry.alliance.signed_calls import open_session
from registry.cases import history, log_entries
from registry.cases.models import ArchiveLookup, Case
from registry.cases.picture_usage import ARCHIVED_ROLE
from registry.cases.places import Place, get_archive_query_key, group_by_place, list_case_sightings
from registry.crawls.external_statements import statements_to_json
from registry.crawls.models import Sighting
from registry.crawls.rate_limits import make_turn_function
from registry.db import steps
from registry.db.claimable import UNFINISHED, StepState
from registry.db.fields import StoredFile
from registry.db.rows import copy_columns
from registry.members import samples
from registry.pictures import scoped
from registry.pictures.blocklist import find_blocked_digests
from registry.services.services import Services

MAX_PLACES = 5
"""Maximum number of places of a case per request; places that were never queried come first."""
BUSY_PAUSE = timedelta(minutes=5)
_PICTURE_SECONDS = 60.0
_MAX_RESPONSE_LENGTH = 20_000  # characters
_WEB_SCHEMES = ("http://", "https://")
_FIELDS = "timestamp,original,mimetype,statuscode,digest"


def get_archive_url(services: Services) -> str:
    """Return the base URL of the web archive, or an empty string if the operator has configured none."""
    return services.config.wayback_url.rstrip("/")


def list_queryable_places(services: Services, case: Case, places: Sequence[Place] | None = None) -> list[Place]:
    """Return at most :data:`MAX_PLACES` places of a case (or of ``places``) that a new request would query.

    These are places on the public web without an unfinished query; places that were never queried come first.
    """
    lookups = [*case.archive_questions.all()]
    pending_keys = {get_archive_query_key(row.sighting) for row in lookups if row.state in UNFINISHED}
    queried_keys = {get_archive_query_key(row.sighting) for row in lookups}
    all_places = group_by_place(list_case_sightings(case, for_sealing=False)) if places is None else places
    candidates = {get_archive_query_key(place.first): place for place in all_places if _is_disclosable(services, place)}
    open_places = [place for query_key, place in candidates.items() if query_key not in pending_keys]
    return sorted(open_places, key=lambda place: get_archive_query_key(place.first) in queried_keys)[:MAX_PLACES]


def can_query(services: Services, case: Case) -> bool:
    """Return True if members can query an archive about a case.

    The operator must have configured an archive, and a member must have confirmed the case.
    """
    is_confirmed = case.decision == Case.Decision.CONFIRMED and not (case.is_pending or case.demonstration)
    return bool(get_archive_url(services)) and is_confirmed


def request_queries(services: Services, case: Case, *, by: str) -> list[ArchiveLookup]:
    """Queue archive queries for the places of a confirmed case and return the queued rows.

    Raises:
        ConflictError: No member has confirmed the case.
        InvalidRequestError: The operator has configured no archive.
        NotFoundError: The case has no public URL that an archive could have captured.
    """
    samples.check_not_sample(case.owner)
    if not get_archive_url(services):
        raise InvalidRequestError(
            Sentence("No web archive is configured."),
            hint=Sentence("The operator can configure one with the setting wayback_url."),
        )
    if not can_query(services, case):
        hint = Sentence("First decide that the case is not licensed.")
        raise ConflictError(
            Sentence("No member has decided that case %(number)s is not licensed.", number=case.number), hint=hint
        )
    places = [place for place in list_queryable_places(services, case) if _is_public(services, place)]
    if not places:
        raise NotFoundError(Sentence("This case has no public URL that could be sent to an archive."))
    with transaction.atomic():
        shared_columns = {"case": case, "requested_by": by, "requested_at": now()}
        rows = [
            ArchiveLookup(sighting=place.first, **copy_columns(place.first, "page_key", "image_key"), **shared_columns)
            for place in places
        ]
        ArchiveLookup.objects.bulk_create(rows, ignore_conflicts=True)
        queued_lookups = list(case.archive_questions.filter(state=StepState.QUEUED).order_by("pk"))
        history.record_event(
            case, "archive", by, ("archive-queried", {"archive": get_archive_name(get_archive_url(services))})
        )
        log_entries.log_action(
            case, "archive queried", by=by, archive=get_archive_url(services), places=len(queued_lookups)
        )
        services.enqueue(ArchiveLookup, [row.pk for row in queued_lookups])
    return queued_lookups


def run_queries(services: Services, ids: Sequence[int]) -> None:
    """Run queued archive queries one after the other, at the rate that the archive allows."""
    for pk in steps.claim(ArchiveLookup, ids, services.stale_after):
        row = ArchiveLookup.objects.select_related("sighting__picture", "case__owner").get(pk=pk)
        with steps.guard_processing(ArchiveLookup, [pk]):
            try:
                responses, pictures = _ArchiveSession(services, row).run()
            except SearchRefusedError as error:
                if error.reason == "busy":
                    delay = BUSY_PAUSE if error.wait is None else timedelta(seconds=error.wait)
                    steps.postpone_by_id(ArchiveLookup, pk, now() + delay, error.message)
                else:
                    steps.record_failure(ArchiveLookup, pk, error.message, retry=error.reason == "failed")
                continue
            except RefusedError as error:
                steps.record_failure(ArchiveLookup, pk, error.message, retry=error.reason == "too-slow")
                continue
            _store(services, row, responses, pictures)


@dataclass(slots=True)
class _ArchiveSession:
    """Sequential requests to the archive about one place."""

    services: Services
    row: ArchiveLookup
    responses: list[ArchiveResponse] = field(default_factory=list)

    def run(self) -> tuple[ArchiveResponses, list[bytes]]:
        """Send all requests. Return the responses, and a list with the picture from the earliest capture.

        The list is empty if there is no capture, the download fails, or the picture exceeds the size limit.
        """
        archive = get_archive_url(self.services)
        pictures: list[bytes] = []
        copies: list[ArchivedCopy] = []
        with open_session(self.services, archive) as session:
            client = IndexClient(
                session, get_archive_name(archive), REQUEST_INTERVAL_SECONDS, STATUSES, make_turn_function(archive)
            )
            for subject, url in list_urls(self.row.sighting):
                self._query(client, subject, url, [])
                first_seen = self.row.sighting.first_seen
                if first_seen is not None and find_earliest(archive, self.responses, subject):
                    timestamp = first_seen.astimezone(UTC).strftime("%Y%m%d%H%M%S")
                    self._query(client, subject, url, [("closest", timestamp), ("sort", "closest")])
            earliest_capture = find_earliest(archive, self.responses, "picture")
            if earliest_capture is not None:
                url = earliest_capture.address.replace(
                    f"/web/{earliest_capture.at}/", f"/web/{earliest_capture.at}id_/", 1
                )
                client.wait_for_turn()
                data = _download(session, url, self.services.limits.max_bytes)
                if data:
                    pictures.append(data)
                    copies.append(ArchivedCopy(url, now(), Digest.from_bytes(data), len(data)))
        return ArchiveResponses(archive, tuple(self.responses), tuple(copies)), pictures

    def _query(self, client: IndexClient, subject: str, address: str, extra_parameters: list[tuple[str, str]]) -> None:
        parameters = [
            ("url", address),
            ("matchType", "exact"),
            ("fl", _FIELDS),
            ("filter", "statuscode:200"),
            *extra_parameters,
        ]
        parameters += [("limit", "1"), ("gzip", "false")]
        url = f"{get_archive_url(self.services)}/cdx/search/cdx?{urlencode(parameters)}"
        status, body = client.get(url, [])
        text = body.decode("utf-8", "replace").strip()
        captures = [*parse_captures("", text)] if len(text) <= _MAX_RESPONSE_LENGTH else []
        is_capture_list = not text or (captures and all(is_capture_of(line, address) for line in captures))
        if status != requests.codes.ok or not is_capture_list:
            raise client.make_format_error()
        self.responses.append(ArchiveResponse(subject, address, url, now(), text))


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


def _store(services: Services, row: ArchiveLookup, responses: ArchiveResponses, pictures: list[bytes]) -> None:
    """Store the archive's responses and pictures, and add their digests to the log."""
    picture = row.sighting.picture
    assert picture.digest is not None
    data = services.blobs.get(picture.digest) if picture.digest in services.blobs else None
    refused_digests = find_blocked_digests(map(Digest.from_bytes, pictures)) | {
        *scoped.list_reported_digests(row.case.owner)
    }
    files = [
        _store_file(services, ARCHIVE_RESPONSES_ROLE, "archive-answers.json", "application/json", responses.to_json())
    ]
    for picture_bytes in (
        picture_data for picture_data in pictures if Digest.from_bytes(picture_data) not in refused_digests
    ):
        files += [_store_file(services, ARCHIVED_ROLE, "archived-picture", "application/octet-stream", picture_bytes)]
    statements = list_statements(responses, picture.digest, data)
    with transaction.atomic():
        if not ArchiveLookup.objects.select_for_update(no_key=True).filter(pk=row.pk, state=StepState.RUNNING).exists():
            return  # another worker has already stored the responses
        ArchiveLookup.objects.filter(pk=row.pk).update(
            elsewhere=statements_to_json(statements), files=files, answered_at=now()
        )
        history.record_event(
            row.case, "archive", "", ("archive-answered", {"archive": get_archive_name(responses.archive)})
        )
        log_entries.log_capture(row.case, "archive answered", files)
        steps.finish(ArchiveLookup, [row.pk])


def _store_file(services: Services, role: str, name: str, media_type: str, data: bytes) -> StoredFile:
    digest = services.blobs.put(data)
    return {"role": role, "name": name, "media_type": media_type, "digest": digest.hex, "size": len(data)}


def list_urls(sighting: Sighting) -> list[tuple[str, str]]:
    """Return the URLs of a sighting that can be queried in an archive, as pairs (``"page"`` or ``"picture"``, URL)."""
    candidates = [("page", sighting.page_url), ("picture", sighting.image_url)]
    return [(subject, url) for subject, url in candidates if url.startswith(_WEB_SCHEMES)]


def _is_disclosable(services: Services, place: Place) -> bool:
    """Return True if a place's URLs may be disclosed to an archive.

    URLs of sightings that are private to an owner, and URLs with a private IP address, may not be disclosed. Host
    names are not resolved.
    """
    if place.first.private_to_id is not None or not list_urls(place.first):
        return False
    guard = Guard(allowed_networks=services.config.cocapture_networks)
    try:
        for _subject, url in list_urls(place.first):
            guard.check_url(url)
    except RefusedError:
        return False
    return True


def _is_public(services: Services, place: Place) -> bool:
    """Return True if no host of a place resolves to a private network. Hosts that no longer resolve are allowed."""
    guard = Guard(allowed_networks=services.config.cocapture_networks)
    for _subject, url in list_urls(place.first):
        try:
            guard.resolve(get_url_host(url), get_url_port(url))
        except RefusedError as error:
            if error.reason != Reason.UNRESOLVABLE:
                return False
    return True
