"""Test that a web archive saves pages for owners who want it, that its answer is kept, and nothing waits for ever."""

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
from registry.bundles.capture import ASIDE, capture_sightings
from registry.cases import decisions, web_archive
from registry.matches.match import match_pictures
from registry.members import people
from registry.models import Bundle, Capture, Case, LogSubmission, Owner, Sighting
from registry.services.services import Services
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site import Answer, Seen, Site
from tests.assets.web_archive import JOB, KEYS, saving, told
from workers.tasks.sync_runner import SyncRunner

COPY = copy_of(photograph(1))
LOOPBACK = ("127.0.0.0/8",)
PENDING = {"status": "pending"}
STAMP = f"{now():%Y%m%d%H%M%S}"


ODD: list[tuple[dict[str, object] | Answer, str]] = [
    ({"status": "error", "status_ext": "error:blocked-url", "message": "It is blocked."}, "error:blocked-url"),
    ({"status": "error", "status_ext": "<b>" * 100}, "nonsense"),
    ({"status": "error"}, "nonsense"),
    ({"status": "done"}, "nonsense"),
    ({"status": "success", "original_url": "https://a.example/"}, "nonsense"),
    ({"status": "success", "timestamp": "yesterday", "original_url": "https://a.example/"}, "nonsense"),
    ({"status": "success", "timestamp": f"../{STAMP}", "original_url": "https://a.example/"}, "nonsense"),
    ({"status": "success", "timestamp": STAMP, "original_url": "javascript:alert(1)"}, "nonsense"),
    ({"status": "success", "timestamp": STAMP, "original_url": 5}, "nonsense"),
    ({"status": "success", "timestamp": STAMP, "original_url": "https://a.example/" + "a" * 9_000}, "nonsense"),
    ({"status": ["success"]}, "nonsense"),
    ({"status": "pending", "job_id": "../../elsewhere"}, "nonsense"),
    (Answer(b"<html>", "text/html"), "nonsense"),
    (Answer(b"[]", "application/json"), "nonsense"),
    (Answer(b"[" * 100_000, "application/json"), "nonsense"),
    (Answer(b'{"status": "error", "status_ext": "x"}' + b" " * web_archive.MAX_ANSWER, "application/json"), "nonsense"),
    (told({"message": "Too many requests."}, 429), "refused"),
    (told({}, 503), "no-answer"),
    (told({}, 404), "no-answer"),
]  # fmt: skip
"""How an archive's job may end otherwise, and what is recorded."""


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("WEB_ARCHIVE_KEYS", KEYS)
    monkeypatch.setattr(web_archive, "PAUSE", 0.01)
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
    people.ask_for(studio, "web_archive", wanted=True, by="Ann")
    return studio


@pytest.fixture
def case(services: Services, studio: Owner, shop: Site) -> Case:
    """A confirmed case whose only page has not been visited."""
    planned, epoch = claimed_slice(studio)
    match_pictures(services, bring(services, planned, epoch, [COPY], host=f"127.0.0.1:{shop.port}"))
    case = studio.cases.get()
    decisions.confirm(services, case, by="Ann", reason="A copy.")
    case.refresh_from_db()
    return case


def captured(services: Services, case: Case) -> tuple[Capture, WebArchive | None]:
    Capture.objects.update(state="todo", attempts=0, not_before=None)
    row = case.captures.order_by("-number")[0]
    capture_sightings(services, [row.pk])
    row.refresh_from_db()
    assert (row.state, row.outcome) == ("done", "captured")
    kept = [services.blobs.get(Digest.from_hex(one["digest"])) for one in row.files if one["role"] == "web-archive"]
    read = [from_plain(WebArchive, parse_json(data, what="it"), where="it") for data in kept]
    return row, read[0] if read else None


def record(services: Services, case: Case) -> WebArchive:
    found = captured(services, case)[1]
    assert found is not None
    return found


def success(page: str, **other: object) -> dict[str, object]:
    return {"status": "success", "timestamp": STAMP, "original_url": page, "http_status": 200, **other}


@pytest.mark.long
def test_what_the_archive_tells_is_kept_as_its_word(services: Services, case: Case, archive: Site, shop: Site) -> None:
    forms = saving(archive, PENDING, PENDING, success(shop.url("/page-0")))
    row, said = captured(services, case)
    address = f"{archive.url('')}/web/{STAMP}/{shop.url('/page-0')}"
    assert said == WebArchive(archive.url(""), JOB, "", address)
    assert address in row.sentence
    assert forms == [{"url": [shop.url("/page-0")], "capture_all": ["1"], "skip_first_archive": ["1"]}]
    assert archive.paths() == ["/save", *[f"/save/status/{JOB}"] * 3]
    assert {one.headers["accept"] for one in archive.seen} == {"application/json"}


@pytest.mark.long
def test_the_keys_are_taken_from_their_file_and_are_told_to_nobody_else(
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
        saving(archive)
        _, said = captured(services, case)
        assert said is not None
        assert said.missing == "refused"
        file.write_text("access2:\nsecret2\x00")  # not a valid header
        assert record(services, case).missing == "no-answer"
        file.write_text(KEYS + "\n")
        saving(archive, success(shop.url("/page-0")))
        row, said = captured(services, case)
    assert said is not None
    assert said.address
    everything = [caplog.text, row.sentence, said.to_json().decode(), *map(str, LogSubmission.objects.values_list())]
    assert not [text for text in everything if "secret" in text]
    assert not [one for one in shop.seen if "authorization" in one.headers]


@pytest.mark.long
def test_keys_follow_no_redirect(services: Services, case: Case, archive: Site) -> None:
    with Site(host="127.0.0.2") as other:
        archive.routes["/save"] = Answer(b"{}", status=302, headers=(("Location", other.url("/save")),))
        assert record(services, case).missing == "nonsense"
        assert other.seen == []


@pytest.mark.long
def test_whatever_else_it_says_is_told_as_missing(services: Services, case: Case, archive: Site) -> None:
    for answer, missing in ODD:
        saving(archive, PENDING, answer)
        row, said = captured(services, case)
        assert said == WebArchive(archive.url(""), JOB, missing, ""), answer
        assert "<" not in row.sentence


@pytest.mark.long
def test_an_address_is_told_in_ascii(services: Services, case: Case, archive: Site) -> None:
    saving(archive, success("https://a.example/b c?d=é&e=%20"))
    assert record(services, case).address.endswith("/https://a.example/b%20c?d=%C3%A9&e=%20")


@pytest.mark.long
def test_an_archive_that_is_away_is_told_and_stops_nothing(services: Services, case: Case) -> None:
    with Site() as gone:
        address = gone.url("")
    services.config = replace(services.config, web_archive_url=address)
    _, said = captured(services, case)
    assert said == WebArchive(address, "", "no-answer", "")


def test_a_slow_archive_is_not_waited_for(
    services: Services, case: Case, archive: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_archive, "SECONDS", 0.3)
    over = threading.Event()

    def slow(_: Seen) -> Answer:
        over.wait(20)
        return told(PENDING)

    saving(archive)
    archive.routes[f"/save/status/{JOB}"] = slow
    said = record(services, case)
    assert not over.is_set()
    over.set()
    assert (said.job, said.address) == (JOB, "")
    assert said.missing in {"too-slow", "no-answer"}


@pytest.mark.long
def test_one_that_never_ends_is_too_slow(
    services: Services, case: Case, archive: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_archive, "SECONDS", 0.3)
    before = set(threading.enumerate())
    saving(archive, *[PENDING] * 1000)
    assert record(services, case) == WebArchive(archive.url(""), JOB, "too-slow", "")
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
    asked = len(archive.seen)
    assert 1 < asked < 40  # with pauses, and not after the work is done


# which archive is queried, and when


@pytest.mark.long
def test_nobody_is_asked_unless_the_owner_wants_it_and_the_operator_has_set_one(
    services: Services, case: Case, archive: Site, studio: Owner
) -> None:
    assert not owner("agency").web_archive
    people.ask_for(owner("other"), "web_archive", wanted=True, by="Bob")
    people.ask_for(studio, "web_archive", wanted=False, by="Ann")
    assert captured(services, case)[1] is None
    people.ask_for(studio, "web_archive", wanted=True, by="Ann")
    services.config = replace(services.config, web_archive_url="")
    assert captured(services, case)[1] is None
    assert archive.seen == []
    entries = LogSubmission.objects.filter(type="setting", opening__content__what="web archive asked for")
    assert entries.count() == 4


@pytest.mark.long
def test_no_page_is_made_public_that_a_person_has_not_decided_about(
    services: Services, case: Case, archive: Site
) -> None:
    usual = {"decision": "confirmed", "waits": False, "demonstration": False}
    for other in ({"decision": "open"}, {"waits": True}, {"demonstration": True}):
        Case.objects.update(**usual | other)
        assert captured(services, case)[1] is None, other
    Case.objects.update(**usual | {"decision": "cleared"})
    Capture.objects.update(state="todo")
    capture_sightings(services, [case.captures.get().pk])
    assert case.captures.get().error == ASIDE, "nobody visits it at all"
    assert archive.seen == []


@pytest.mark.long
def test_neither_is_a_private_source_or_one_of_the_operator_s_networks(
    services: Services, case: Case, archive: Site, studio: Owner
) -> None:
    Sighting.objects.update(private_to=studio)
    assert captured(services, case)[1] is None
    Sighting.objects.update(private_to=None)
    services.config = replace(services.config, cocapture_networks=())
    assert captured(services, case)[1] is None
    assert archive.seen == []


@pytest.mark.long
def test_a_place_that_was_visited_before_is_visited_again_when_undoing_is_over(
    services: Services, studio: Owner, shop: Site, archive: Site
) -> None:
    planned, epoch = claimed_slice(studio)
    match_pictures(services, bring(services, planned, epoch, [COPY], host=f"127.0.0.1:{shop.port}"))
    case = studio.cases.get()
    assert captured(services, case)[1] is None  # likely, and captured at once
    decisions.confirm(services, case, by="Ann", reason="A copy.", undo_for=timedelta(seconds=20))
    again = case.captures.get(number=2)
    assert again.not_before is not None
    assert again.not_before > now()
    capture_sightings(services, [again.pk])
    assert (Capture.objects.get(pk=again.pk).state, archive.seen) == ("todo", [])
    assert Bundle.objects.get().sealed_at is None
    saving(archive, success(shop.url("/page-0")))
    assert record(services, case).address
    decisions.reopen(case, by="Ann", reason="No.")
    people.ask_for(studio, "web_archive", wanted=False, by="Ann")
    decisions.confirm(services, case, by="Ann", reason="A copy.")
    assert case.captures.count() == 2


@pytest.mark.long
def test_a_page_of_a_private_and_a_public_sighting_is_told_for_the_public_one_alone(
    services: Services, studio: Owner, archive: Site, shop: Site
) -> None:
    other = copy_of(photograph(2))
    shop.page("/page-0", '<img src="image-0.jpg"><img src="image-1.jpg">')
    shop.routes["/image-1.jpg"] = Answer(other, media_type="image/jpeg")
    register(services, studio, photograph(2))
    host = f"127.0.0.1:{shop.port}"
    match_pictures(services, bring(services, *claimed_slice(studio), [COPY, other], host=host, one_page=True))
    private, public = studio.cases.order_by("pk")
    for case in (private, public):
        decisions.confirm(services, case, by="Ann", reason="A copy.")
    Sighting.objects.filter(captures__case=private).update(private_to=studio)
    saving(archive, success(shop.url("/page-0")))
    Capture.objects.update(state="todo", attempts=0, not_before=None)
    capture_sightings(services, [row.pk for row in Capture.objects.order_by("pk")])
    roles = [{one["role"] for one in case.captures.get().files} for case in (private, public)]
    assert ["web-archive" in of for of in roles] == [False, True]
    assert archive.times("/save") == 1
