"""Test that a member can query a web archive for first captures, and that its response is stored as a statement."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from evidence.facts.archive_responses import ArchiveResponses
from evidence.formats.codec import from_plain, parse_json
from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from exhibit.network.addresses import get_url_host
from exhibit.types import SourceStatement, SourceStatementKind
from registry.bundles import facts
from registry.bundles.facts import gather_facts
from registry.cases import archive_queries, decisions
from registry.crawls.external_statements import statements_to_json
from registry.matches.match import match_pictures
from registry.models import ArchiveLookup, Case, LogSubmission, Sighting
from registry.retention.purge import find_affected_files, purge_picture
from registry.services.services import Services
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site import Answer, Site
from tests.assets.web_archive_server import ArchivedCapture, WebArchive, requests_to
from workers.tasks.sync_runner import SyncRunner

COPY = recompress(photograph(1))
LOOPBACK = ("127.0.0.0/8",)
INDEX_PATH = "/cdx/search/cdx"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def archive(site: Site) -> WebArchive:
    archive = WebArchive()
    archive.serve(site)
    return archive


@pytest.fixture
def services(inline: SyncRunner, site: Site, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(archive_queries, "REQUEST_INTERVAL_SECONDS", 0.0)
    config = replace(inline.services.config, cocapture_networks=LOOPBACK, wayback_url=site.url(""))
    inline.services.config = config
    return inline.services


@pytest.fixture
def case(services: Services) -> Case:
    """A confirmed case with one page."""
    studio = owner("studio")
    register(services, studio, photograph(1))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(services, record_sightings(services, crawl_slice, epoch, [COPY], host="127.0.0.1"))
    case = studio.cases.get()
    decisions.confirm_case(services, case, by="Ann", reason="A copy.")
    case.refresh_from_db()
    return case


PAGE, IMAGE = "http://127.0.0.1/page-0", "http://127.0.0.1/image-0.jpg"


def request_and_run_query(services: Services, case: Case) -> ArchiveLookup:
    (row,) = archive_queries.request_queries(services, case, by="Ann")
    archive_queries.run_queries(services, [row.pk])
    row.refresh_from_db()
    return row


@pytest.mark.long
def test_captures_are_stored_as_statements_of_archive(
    services: Services, case: Case, site: Site, archive: WebArchive
) -> None:
    smaller = recompress(COPY)
    archive.captures += [
        ArchivedCapture(PAGE, "20190303101500", b"<img>", "text/html"),
        ArchivedCapture(PAGE, "20180101000000", b"", status="301"),
    ]
    archive.captures += [
        ArchivedCapture(IMAGE, "20190303101502", smaller),
        ArchivedCapture(IMAGE, "20260101000000", COPY),
    ]
    row = request_and_run_query(services, case)
    where, by = site.url("").rstrip("/"), {"kind": "archive-captured", "by": get_url_host(site.url(""))}
    picture = by | {"of": "picture"}
    assert row.state == "done"
    assert row.elsewhere == [
        by | {"of": "page", "stated": "2019-03-03T10:15:00Z", "where": f"{where}/web/20190303101500/{PAGE}"},
        picture | {"stated": "2019-03-03T10:15:02Z", "where": f"{where}/web/20190303101502/{IMAGE}", "same": False},
        picture | {"stated": "2026-01-01T00:00:00Z", "where": f"{where}/web/20260101000000/{IMAGE}", "same": True},
    ]
    files = {file["role"]: services.blobs.get(Digest.from_hex(file["digest"])) for file in row.files}
    archive_answers = from_plain(ArchiveResponses, parse_json(files["archive-answers"], label="it"), location="it")
    assert [answer.body for answer in archive_answers.answers] == [
        item.body for item in archive_answers.answers if item.body
    ]
    assert {answer.request_url.partition("?")[0] for answer in archive_answers.answers} == {f"{where}{INDEX_PATH}"}
    assert files["archived-picture"] == smaller
    assert [item.path for item in requests_to(site, "/web/")] == [f"/web/20190303101502id_/{IMAGE}"]
    assert Sighting.objects.get().elsewhere == []
    log = LogSubmission.objects.filter(type="case", opening__content__what="captured")
    assert row.files[0]["digest"] in str(log.values_list("opening__details", flat=True).last())


@pytest.mark.long
def test_absence_of_captures_is_stored_with_time(services: Services, case: Case, archive: WebArchive) -> None:
    row = request_and_run_query(services, case)
    assert [(statement["of"], statement.get("stated")) for statement in row.elsewhere] == [
        ("page", None),
        ("picture", None),
    ]
    assert row.answered_at is not None
    assert [file["role"] for file in row.files] == ["archive-answers"]


@pytest.mark.long
def test_busy_archive_is_retried_later_and_other_errors_are_reported(
    services: Services, case: Case, archive: WebArchive
) -> None:
    archive.answer = lambda _: Answer(b"", status=429, headers=(("Retry-After", "90"),))
    row = request_and_run_query(services, case)
    assert (row.state, row.is_postponed, row.elsewhere) == ("queued", True, [])
    assert "later" in row.error
    for odd in (Answer(b"<html>busy", "text/html"), Answer(b"x" * 30_000, "text/plain"), Answer(b"", status=500)):
        archive.answer = lambda _, odd=odd: odd  # type: ignore[misc]
        ArchiveLookup.objects.update(state="queued", not_before=None, attempts=99)
        archive_queries.run_queries(services, [row.pk])
        row.refresh_from_db()
        assert (row.state, row.elsewhere, row.files) == ("failed", [], []), odd
        assert row.error


@pytest.mark.long
def test_archive_is_not_queried_for_unconfirmed_case_or_private_url(
    services: Services, case: Case, site: Site, archive: WebArchive
) -> None:
    usual = {"decision": "confirmed", "is_pending": False, "demonstration": False}
    for other in ({"decision": "open"}, {"is_pending": True}, {"demonstration": True}):
        Case.objects.update(**usual | other)
        with pytest.raises(ConflictError):
            archive_queries.request_queries(services, Case.objects.get(), by="Ann")
    Case.objects.update(**usual)
    Sighting.objects.update(private_to=case.owner)
    with pytest.raises(NotFoundError):
        archive_queries.request_queries(services, Case.objects.get(), by="Ann")
    Sighting.objects.update(private_to=None)
    services.config = replace(services.config, cocapture_networks=())
    with pytest.raises(NotFoundError):
        archive_queries.request_queries(services, Case.objects.get(), by="Ann")
    services.config = replace(services.config, wayback_url="")
    with pytest.raises(InvalidRequestError):
        archive_queries.request_queries(services, Case.objects.get(), by="Ann")
    assert site.requests == []
    assert not ArchiveLookup.objects.exists()


@pytest.mark.long
def test_purged_picture_is_removed_with_archived_copies(services: Services, case: Case, archive: WebArchive) -> None:
    smaller = recompress(COPY)
    archive.captures += [ArchivedCapture(IMAGE, "20190303101502", smaller)]
    request_and_run_query(services, case)
    digest = Digest.from_bytes(COPY)
    assert Digest.from_bytes(smaller) in {item.digest for item in find_affected_files(services, digest)}
    purge_picture(services, digest, by="operator", reason="illegal")
    assert Digest.from_bytes(smaller) not in services.blobs


@pytest.mark.long
def test_statements_of_archives_and_pages_are_kept_apart_from_observations(
    services: Services, case: Case, site: Site, archive: WebArchive
) -> None:
    archive.captures += [ArchivedCapture(IMAGE, "20190303101502", COPY)]
    row = request_and_run_query(services, case)
    statement = SourceStatement(kind=SourceStatementKind.PAGE_PUBLISHED, of="page", stated="2018-05-01")
    Sighting.objects.update(elsewhere=statements_to_json([statement]))
    gathered = gather_facts(services, Case.objects.get(), bundle=1, language="en", for_sealing=True)
    [sighting] = gathered.facts.sightings
    assert [(entry.kind, entry.of, entry.stated, entry.same) for entry in sighting.elsewhere] == [
        ("page-published", "page", "2018-05-01", None),
        ("archive-captured", "picture", "2019-03-03T10:15:02Z", True),
        ("archive-captured", "page", "", None),
    ]
    assert sighting.first_seen == Sighting.objects.get().first_seen
    assert sighting.elsewhere[0].where == PAGE
    [file] = [entry for entry in gathered.files if entry.role == "archive-answers"]
    assert {entry.file for entry in sighting.elsewhere} == {"", file.path}
    assert file.digest.hex == row.files[0]["digest"]
    [place] = archive_queries.list_queryable_places(services, case)
    assert facts.list_completed_lookups(case, place) == [row]
    place.first.picture_id += 1  # the URL now shows another image; the response was about the first image
    assert facts.list_completed_lookups(case, place) == []
