"""Test that a web archive saves pages for owners who enable it, its response is stored, and nothing blocks."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from evidence.facts.cocapture import WebArchive
from evidence.formats.codec import from_plain, parse_json
from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.capture import CASE_SNOOZED, capture_sightings
from registry.cases import decisions, web_archive
from registry.matches.match import match_pictures
from registry.members import accounts
from registry.models import Bundle, Capture, Case, LogSubmission, Owner, Sighting
from registry.services.services import Services
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.save_page_server import JOB, KEYS, json_response, serve_save_requests
from tests.assets.site import Answer, ReceivedRequest, Site
from workers.tasks.sync_runner import SyncRunner

COPY = recompress(photograph(1))
LOOPBACK = ("127.0.0.0/8",)
PENDING = {"status": "pending"}
TIMESTAMP = f"{now():%Y%m%d%H%M%S}"


FAILED_JOBS: list[tuple[dict[str, object] | Answer, str]] = [
    ({"status": "error", "status_ext": "error:blocked-url", "message": "It is blocked."}, "error:blocked-url"),
    ({"status": "error", "status_ext": "<b>" * 100}, "nonsense"),
    ({"status": "error"}, "nonsense"),
    ({"status": "done"}, "nonsense"),
    ({"status": "success", "original_url": "https://a.example/"}, "nonsense"),
    ({"status": "success", "timestamp": "yesterday", "original_url": "https://a.example/"}, "nonsense"),
    ({"status": "success", "timestamp": f"../{TIMESTAMP}", "original_url": "https://a.example/"}, "nonsense"),
    ({"status": "success", "timestamp": TIMESTAMP, "original_url": "javascript:alert(1)"}, "nonsense"),
    ({"status": "success", "timestamp": TIMESTAMP, "original_url": 5}, "nonsense"),
    ({"status": "success", "timestamp": TIMESTAMP, "original_url": "https://a.example/" + "a" * 9_000}, "nonsense"),
    ({"status": ["success"]}, "nonsense"),
    ({"status": "pending", "job_id": "../../elsewhere"}, "nonsense"),
    (Answer(b"<html>", "text/html"), "nonsense"),
    (Answer(b"[]", "application/json"), "nonsense"),
    (Answer(b"[" * 100_000, "application/json"), "nonsense"),
    (Answer(b'{"status": "error", "status_ext": "x"}' + b" " * web_archive.MAX_RESPONSE,
    "application/json"), "nonsense"),
    (json_response({"message": "Too many requests."}, 429), "refused"),
    (json_response({}, 503), "no-answer"),
    (json_response({}, 404), "no-answer"),
]  # fmt: skip
"""Unsuccessful responses to an archive job, each with the recorded reason."""


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("WEB_ARCHIVE_KEYS", KEYS)
    monkeypatch.setattr(web_archive, "POLL_SECONDS", 0.01)
    with Site() as running:
        yield running


@pytest.fixture
def services(inline: SyncRunner, archive: Site) -> Services:
    config = replace(inline.services.config, allowed_networks=LOOPBACK, cocapture_networks=LOOPBACK)
    inline.services.config = replace(config, web_archive_url=archive.url(""))
    return inline.services


@pytest.fixture
def shop() -> Iterator[Site]:
    with Site() as running:
        running.page("/page-0", '<img src="image-0.jpg">')
        running.routes["/image-0.jpg"] = Answer(COPY, media_type="image/jpeg")
        yield running


@pytest.fixture
def studio(services: Services) -> Owner:
    studio = owner("studio")
    register(services, studio, photograph(1))
    accounts.set_option(studio, "web_archive", enabled=True, by="Ann")
    return studio


@pytest.fixture
def case(services: Services, studio: Owner, shop: Site) -> Case:
    """A confirmed case whose only page has not been visited."""
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(services, record_sightings(services, crawl_slice, epoch, [COPY], host=f"127.0.0.1:{shop.port}"))
    case = studio.cases.get()
    decisions.confirm_case(services, case, by="Ann", reason="A copy.")
    case.refresh_from_db()
    return case


def capture_case(services: Services, case: Case) -> tuple[Capture, WebArchive | None]:
    Capture.objects.update(state="queued", attempts=0, not_before=None)
    row = case.captures.order_by("-number")[0]
    capture_sightings(services, [row.pk])
    row.refresh_from_db()
    assert (row.state, row.outcome) == ("done", "captured")
    contents = [
        services.blobs.get(Digest.from_hex(file["digest"])) for file in row.files if file["role"] == "web-archive"
    ]
    archives = [from_plain(WebArchive, parse_json(data, label="it"), location="it") for data in contents]
    return row, archives[0] if archives else None


def capture_web_archive(services: Services, case: Case) -> WebArchive:
    archive_record = capture_case(services, case)[1]
    assert archive_record is not None
    return archive_record


def make_success(page: str, **other: object) -> dict[str, object]:
    return {"status": "success", "timestamp": TIMESTAMP, "original_url": page, "http_status": 200, **other}


@pytest.mark.long
def test_archive_response_is_stored_as_its_statement(services: Services, case: Case, archive: Site, shop: Site) -> None:
    forms = serve_save_requests(archive, PENDING, PENDING, make_success(shop.url("/page-0")))
    row, archive_record = capture_case(services, case)
    address = f"{archive.url('')}/web/{TIMESTAMP}/{shop.url('/page-0')}"
    assert archive_record == WebArchive(archive.url(""), JOB, "", address)
    assert address in row.sentence
    assert forms == [{"url": [shop.url("/page-0")], "capture_all": ["1"], "skip_first_archive": ["1"]}]
    assert archive.requested_paths() == ["/save", *[f"/save/status/{JOB}"] * 3]
    assert {request.headers["accept"] for request in archive.requests} == {"application/json"}


@pytest.mark.long
def test_archive_keys_are_read_from_a_file_and_sent_to_the_archive_only(
    services: Services,
    case: Case,
    archive: Site,
    shop: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("WEB_ARCHIVE_KEYS")
    file = services.config.data_dir / "secrets" / "web_archive_keys"
    file.parent.mkdir(parents=True, exist_ok=True)
    with caplog.at_level(logging.DEBUG):
        file.write_text("access2:secret2\n")
        serve_save_requests(archive)
        _, archive_record = capture_case(services, case)
        assert archive_record is not None
        assert archive_record.missing == "refused"
        file.write_text("access2:\nsecret2\x00")  # not a valid header
        assert capture_web_archive(services, case).missing == "no-answer"
        file.write_text(KEYS + "\n")
        serve_save_requests(archive, make_success(shop.url("/page-0")))
        row, archive_record = capture_case(services, case)
    assert archive_record is not None
    assert archive_record.address
    everything = [
        caplog.text,
        row.sentence,
        archive_record.to_json().decode(),
        *map(str, LogSubmission.objects.values_list()),
    ]
    assert not [text for text in everything if "secret" in text]
    assert not [request for request in shop.requests if "authorization" in request.headers]


@pytest.mark.long
def test_redirect_with_keys_is_not_followed(services: Services, case: Case, archive: Site) -> None:
    with Site(host="127.0.0.2") as other:
        archive.routes["/save"] = Answer(b"{}", status=302, headers=(("Location", other.url("/save")),))
        assert capture_web_archive(services, case).missing == "nonsense"
        assert other.requests == []


@pytest.mark.long
def test_unexpected_archive_responses_are_recorded_as_missing(services: Services, case: Case, archive: Site) -> None:
    for answer, missing in FAILED_JOBS:
        serve_save_requests(archive, PENDING, answer)
        row, archive_record = capture_case(services, case)
        assert archive_record == WebArchive(archive.url(""), JOB, missing, ""), answer
        assert "<" not in row.sentence


@pytest.mark.long
def test_url_is_sent_in_ascii(services: Services, case: Case, archive: Site) -> None:
    serve_save_requests(archive, make_success("https://a.example/b c?d=é&e=%20"))
    assert capture_web_archive(services, case).address.endswith("/https://a.example/b%20c?d=%C3%A9&e=%20")


@pytest.mark.long
def test_unreachable_archive_is_recorded_and_does_not_stop_the_capture(services: Services, case: Case) -> None:
    with Site() as offline_site:
        address = offline_site.url("")
    services.config = replace(services.config, web_archive_url=address)
    _, archive_record = capture_case(services, case)
    assert archive_record == WebArchive(address, "", "no-answer", "")


def test_slow_archive_does_not_delay_capture(
    services: Services, case: Case, archive: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_archive, "SAVE_TIMEOUT_SECONDS", 0.3)
    over = threading.Event()

    def slow(_: ReceivedRequest) -> Answer:
        over.wait(20)
        return json_response(PENDING)

    serve_save_requests(archive)
    archive.routes[f"/save/status/{JOB}"] = slow
    archive_record = capture_web_archive(services, case)
    assert not over.is_set()
    over.set()
    assert (archive_record.job, archive_record.address) == (JOB, "")
    assert archive_record.missing in {"too-slow", "no-answer"}


@pytest.mark.long
def test_unfinished_archive_job_is_reported_too_slow(
    services: Services, case: Case, archive: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_archive, "SAVE_TIMEOUT_SECONDS", 0.3)
    before = set(threading.enumerate())
    serve_save_requests(archive, *[PENDING] * 1000)
    assert capture_web_archive(services, case) == WebArchive(archive.url(""), JOB, "too-slow", "")
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    request_count = len(archive.requests)
    assert 1 < request_count < 40  # with pauses, and none after the capture has finished


# Conditions for archiving a page


@pytest.mark.long
def test_archive_is_used_only_if_owner_and_operator_enable_it(
    services: Services, case: Case, archive: Site, studio: Owner
) -> None:
    assert not owner("agency").web_archive
    accounts.set_option(owner("other"), "web_archive", enabled=True, by="Bob")
    accounts.set_option(studio, "web_archive", enabled=False, by="Ann")
    assert capture_case(services, case)[1] is None
    accounts.set_option(studio, "web_archive", enabled=True, by="Ann")
    services.config = replace(services.config, web_archive_url="")
    assert capture_case(services, case)[1] is None
    assert archive.requests == []
    entries = LogSubmission.objects.filter(type="setting", opening__content__what="web archive used")
    assert entries.count() == 4


@pytest.mark.long
def test_undecided_page_is_not_archived(services: Services, case: Case, archive: Site) -> None:
    usual = {"decision": "confirmed", "is_pending": False, "demonstration": False}
    for other in ({"decision": "open"}, {"is_pending": True}, {"demonstration": True}):
        Case.objects.update(**usual | other)
        assert capture_case(services, case)[1] is None, other
    Case.objects.update(**usual | {"decision": "dismissed"})
    Capture.objects.update(state="queued")
    capture_sightings(services, [case.captures.get().pk])
    assert case.captures.get().error == CASE_SNOOZED, "nobody visits it at all"
    assert archive.requests == []


@pytest.mark.long
def test_private_sources_and_operator_networks_are_not_archived(
    services: Services, case: Case, archive: Site, studio: Owner
) -> None:
    Sighting.objects.update(private_to=studio)
    assert capture_case(services, case)[1] is None
    Sighting.objects.update(private_to=None)
    services.config = replace(services.config, cocapture_networks=())
    assert capture_case(services, case)[1] is None
    assert archive.requests == []


@pytest.mark.long
def test_visited_page_is_revisited_after_undo_period(
    services: Services, studio: Owner, shop: Site, archive: Site
) -> None:
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(services, record_sightings(services, crawl_slice, epoch, [COPY], host=f"127.0.0.1:{shop.port}"))
    case = studio.cases.get()
    assert capture_case(services, case)[1] is None  # a likely copy, captured at once
    decisions.confirm_case(services, case, by="Ann", reason="A copy.", undo_period=timedelta(seconds=20))
    second_capture = case.captures.get(number=2)
    assert second_capture.not_before is not None
    assert second_capture.not_before > now()
    capture_sightings(services, [second_capture.pk])
    assert (Capture.objects.get(pk=second_capture.pk).state, archive.requests) == ("queued", [])
    assert Bundle.objects.get().sealed_at is None
    serve_save_requests(archive, make_success(shop.url("/page-0")))
    assert capture_web_archive(services, case).address
    decisions.reopen_decided_case(case, by="Ann", reason="No.")
    accounts.set_option(studio, "web_archive", enabled=False, by="Ann")
    decisions.confirm_case(services, case, by="Ann", reason="A copy.")
    assert case.captures.count() == 2


@pytest.mark.long
def test_only_the_public_sighting_of_a_page_is_archived(
    services: Services, studio: Owner, archive: Site, shop: Site
) -> None:
    other = recompress(photograph(2))
    shop.page("/page-0", '<img src="image-0.jpg"><img src="image-1.jpg">')
    shop.routes["/image-1.jpg"] = Answer(other, media_type="image/jpeg")
    register(services, studio, photograph(2))
    host = f"127.0.0.1:{shop.port}"
    match_pictures(
        services, record_sightings(services, *claim_new_slice(studio), [COPY, other], host=host, one_page=True)
    )
    private, public = studio.cases.order_by("pk")
    for case in (private, public):
        decisions.confirm_case(services, case, by="Ann", reason="A copy.")
    Sighting.objects.filter(captures__case=private).update(private_to=studio)
    serve_save_requests(archive, make_success(shop.url("/page-0")))
    Capture.objects.update(state="queued", attempts=0, not_before=None)
    capture_sightings(services, [row.pk for row in Capture.objects.order_by("pk")])
    roles = [{file["role"] for file in case.captures.get().files} for case in (private, public)]
    assert ["web-archive" in rights_holder for rights_holder in roles] == [False, True]
    assert archive.count_requests("/save") == 1
