"""Test that partners visit a page during a capture, that only valid statements count, and nothing waits for them."""

import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from evidence.facts.cocapture import Cocapture, PartnerResponse
from evidence.formats.codec import FormatError, from_plain, parse_json, to_plain
from evidence.log.append_only import Log
from evidence.log.notes import format_cosigner_key
from exhibit.digests import Digest
from exhibit.errors import RefusedError
from registry.alliance import cocaptures, partners
from registry.alliance.cocaptures import visit_for_partner
from registry.bundles.capture import capture_sightings
from registry.crawls import denylists
from registry.log.local_log import get_log
from registry.matches.match import match_pictures
from registry.models import Capture, Case, LogSubmission, Partner, Sighting
from registry.services.services import Services
from tests.assets.confirmed_captures import create_log, lying_partner
from tests.assets.partners import new_signer, partner_of
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site import Answer, ReceivedRequest, Site
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

COPY = recompress(photograph(1))
PAGE = b'<html lang="en"><p>Sale</p><img src="image-0.jpg"></html>'
LOOPBACK = ("127.0.0.0/8",)
CHALLENGE = bytes(32)


@pytest.fixture
def services(inline: SyncRunner) -> Services:
    inline.services.config = replace(inline.services.config, allowed_networks=LOOPBACK, cocapture_networks=LOOPBACK)
    return inline.services


@pytest.fixture
def shop() -> Iterator[Site]:
    with Site() as running:
        running.routes["/page-0"] = Answer(PAGE, "text/html", headers=(("Content-Language", "en"),))
        running.routes["/image-0.jpg"] = Answer(COPY, media_type="image/jpeg")
        yield running


@pytest.fixture
def case(services: Services, shop: Site) -> Case:
    studio = owner("studio")
    register(services, studio, photograph(1))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(services, record_sightings(services, crawl_slice, epoch, [COPY], host=f"127.0.0.1:{shop.port}"))
    return studio.cases.get()


def add_visiting_partner(visits: int = 5) -> Partner:
    row = partner_of(new_signer())
    partners.set_cocapture_options(row, visits=visits, by="operator")
    return row


def record_calls(row: Partner, count: int = 1) -> None:
    for _ in range(count):
        partners.record_call(row, secrets.token_hex(16), "capture")


def capture_case(services: Services, case: Case) -> tuple[Capture, Cocapture | None]:
    Capture.objects.update(state="queued", attempts=0)
    capture_sightings(services, [case.captures.get().pk])
    row = case.captures.get()
    contents = [
        services.blobs.get(Digest.from_hex(file["digest"])) for file in row.files if file["role"] == "cocapture"
    ]
    results = [from_plain(Cocapture, parse_json(data, label="it"), location="it") for data in contents]
    return row, results[0] if results else None


# Visits on behalf of partners


def test_visit_for_partner_is_logged(services: Services, shop: Site) -> None:
    row = add_visiting_partner()
    signed = visit_for_partner(services, row, shop.url("/page-0"), shop.url("/image-0.jpg"), CHALLENGE)
    statement = signed.statement
    assert statement.picture is not None
    assert (statement.page.status, statement.page.sha256, statement.picture.sha256) == (
        200,
        Digest.from_bytes(PAGE),
        Digest.from_bytes(COPY),
    )
    assert (statement.requested_by, statement.language, statement.content_language, statement.consent) == (
        "b.example/log",
        "en",
        "en",
        False,
    )
    assert statement.text == Digest.from_bytes(b"Sale")
    [entry] = LogSubmission.objects.filter(type="cocapture")
    assert entry.opening.content == to_plain(statement)
    assert [request.path for request in shop.requests] == ["/page-0", "/image-0.jpg"]


def test_daily_visit_limit_rejects_further_visits(services: Services, shop: Site) -> None:
    row = add_visiting_partner(visits=2)
    record_calls(row, 2)
    visit_for_partner(services, row, shop.url("/page-0"), "", CHALLENGE)
    record_calls(row)
    with pytest.raises(RefusedError, match="2"):
        visit_for_partner(services, row, shop.url("/page-0"), "", CHALLENGE)
    nobody = add_partner_without_visits()
    record_calls(nobody)
    with pytest.raises(RefusedError, match="0"):
        visit_for_partner(services, nobody, shop.url("/page-0"), "", CHALLENGE)
    assert len(shop.requests) == 1


def add_partner_without_visits() -> Partner:
    return partner_of(new_signer(), "c")


def test_partner_visit_cannot_reach_private_network(services: Services, shop: Site) -> None:
    row = add_visiting_partner()
    services.config = replace(services.config, cocapture_networks=())  # the crawler's networks do not count
    for url in (
        shop.url("/page-0"),
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "ftp://a.example/",
    ):
        statement = visit_for_partner(services, row, url, url, CHALLENGE).statement
        assert statement.picture is not None
        assert (statement.page.status, statement.page.sha256, statement.page.reason) == (0, None, "not-visited")
        assert (statement.picture.status, statement.picture.reason) == (0, "not-visited")
    assert shop.requests == []


def test_redirect_to_private_network_is_not_followed(services: Services, shop: Site) -> None:
    with Site(host="127.0.0.2") as inner:
        inner.routes["/secret"] = Answer(b"secret")
        shop.routes["/away"] = Answer(b"", status=302, headers=(("Location", inner.url("/secret")),))
        services.config = replace(services.config, cocapture_networks=("127.0.0.1/32",))
        statement = visit_for_partner(services, add_visiting_partner(), shop.url("/away"), "", CHALLENGE).statement
        assert (statement.page.status, statement.page.sha256, statement.page.reason) == (302, None, "not-visited")
        assert statement.page.final_url == shop.url("/away")
        assert inner.requests == []


def test_denied_host_is_not_visited_for_partner(services: Services, shop: Site) -> None:
    denylists.deny_host("127.0.0.1", by="Ann", reason="asked")
    assert (
        visit_for_partner(services, add_visiting_partner(), shop.url("/page-0"), "", CHALLENGE).statement.page.reason
        == "not-visited"
    )
    assert shop.requests == []


def test_oversized_page_is_reported(services: Services, shop: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cocaptures, "PAGE_BYTES", 20)
    statement = visit_for_partner(services, add_visiting_partner(), shop.url("/page-0"), "", CHALLENGE).statement
    assert (statement.page.reason, statement.page.sha256, statement.text) == ("too-many-bytes", None, None)


# Requests to partners


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_partner_visit_agrees_with_own_capture(
    services: Services, case: Case, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)  # one installation queries itself
    url = live_server.url.replace("localhost", "127.0.0.1")
    row = partners.add_partner(
        "itself", url, get_log(services).get_verifier_key(), format_cosigner_key("b/w", new_signer().public_key), by=""
    )
    partners.set_cocapture_options(row, is_requested=True, visits=1, by="operator")
    _, cocapture = capture_case(services, case)
    assert cocapture is not None
    [answer] = cocapture.answers
    assert (answer.missing, answer.differs) == ("", ())
    assert set(answer.agrees) >= {"picture", "page", "text", "status", "server", "language"}
    # the daily limit is used up
    _, cocapture = capture_case(services, case)
    assert cocapture is not None
    assert [reply.missing for reply in cocapture.answers] == ["refused"]


def test_partners_are_not_queried_for_private_sources_or_when_disabled(services: Services, case: Case) -> None:
    assert capture_case(services, case)[1] is None
    partners.set_cocapture_options(partner_of(new_signer()), is_requested=True, by="operator")
    Sighting.objects.update(private_to=case.owner)
    assert capture_case(services, case)[1] is None


def test_unreachable_partner_is_recorded_and_does_not_stop_the_capture(services: Services, case: Case) -> None:
    partners.set_cocapture_options(partner_of(new_signer()), is_requested=True, by="operator")
    visit, cocapture = capture_case(services, case)
    assert cocapture is not None
    assert (visit.outcome, [answer.missing for answer in cocapture.answers]) == ("captured", ["no-answer"])


def test_slow_partner_does_not_delay_capture(
    services: Services, case: Case, shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cocaptures, "WAIT_FOR_PARTNERS_SECONDS", 0.3)
    over = threading.Event()

    def slow(_: ReceivedRequest) -> Answer:
        over.wait(20)
        return Answer(b"{}")

    shop.routes["/api/v1/alliance/capture"] = slow
    partners.set_cocapture_options(partner_of(new_signer(), url=shop.url("")), is_requested=True, by="operator")
    _, cocapture = capture_case(services, case)
    assert not over.is_set()
    over.set()
    assert cocapture is not None
    assert [answer.missing for answer in cocapture.answers] in (["too-slow"], ["no-answer"])


def test_partner_revoked_during_capture_is_ignored(services: Services, case: Case, shop: Site) -> None:
    row = partner_of(new_signer(), url=shop.url(""))
    partners.set_cocapture_options(row, is_requested=True, by="operator")
    pending_answers = cocaptures.request_visits(services, case.captures.get().sighting)
    assert pending_answers is not None
    partners.revoke_partner(row, by="operator", reason="Its log has forked")
    visit = next(
        services.capturer.capture_all(shop.url("/page-0"), [(shop.url("/image-0.jpg"), Digest.from_bytes(COPY))])
    )
    captured_by_us = pending_answers.add_observations(visit)
    [file] = [file for file in captured_by_us.files if file.role == "cocapture"]
    assert json.loads(file.data)["answers"][0]["missing"] == "revoked"
    assert cocaptures.request_visits(services, case.captures.get().sighting) is None


def get_partner_answer(services: Services, case: Case) -> PartnerResponse:
    _, cocapture = capture_case(services, case)
    assert cocapture is not None
    [answer] = cocapture.answers
    return answer


@pytest.mark.long
def test_false_partner_statements_are_detected(services: Services, case: Case, shop: Site, tmp_path: Path) -> None:
    signer = new_signer()
    log, other_key = (create_log(tmp_path / name, "b.example/log", key) for name, key in (("b", signer), ("x", None)))
    partners.set_cocapture_options(partner_of(signer, url=shop.url("")), is_requested=True, by="operator")

    def make_answer(used_log: Log = log, /, **lie: object) -> PartnerResponse:
        shop.routes["/api/v1/alliance/capture"] = lying_partner(used_log, COPY, PAGE, **lie)
        return get_partner_answer(services, case)

    honest = make_answer()
    assert (honest.missing, "picture" in honest.agrees) == ("", True)
    long_ago = "2020-01-01T00:00:00.000000Z"
    lies: list[dict[str, object]] = [
        {"challenge": "00" * 32}, {"requested_by": "d.example/log"}, {"page": {"url": "https://other.example/"}},
        {"picture": {"url": "https://other.example/"}}, {"picture": None}, {"content_language": "x" * 200_000},
        {"started": long_ago, "finished": long_ago}, {"format": "exhibit-cocapture/9"},
    ]  # fmt: skip
    for lie in lies:
        assert make_answer(log, **lie).missing == "nonsense", lie
    assert make_answer(other_key).missing == "nonsense"
    other = make_answer(picture={"sha256": "ab" * 32})
    assert (other.missing, "picture" in other.differs) == ("", True)


def test_invalid_local_capture_is_not_blamed_on_partner(
    services: Services, case: Case, shop: Site, tmp_path: Path
) -> None:
    signer = new_signer()
    partners.set_cocapture_options(partner_of(signer, url=shop.url("")), is_requested=True, by="operator")
    shop.routes["/api/v1/alliance/capture"] = lying_partner(create_log(tmp_path, "b.example/log", signer), COPY, PAGE)
    pending_answers = cocaptures.request_visits(services, case.captures.get().sighting)
    assert pending_answers is not None
    visit = next(
        services.capturer.capture_all(shop.url("/page-0"), [(shop.url("/image-0.jpg"), Digest.from_bytes(COPY))])
    )
    files = tuple(replace(file, data=b"{}") if file.role == "network" else file for file in visit.files)
    with pytest.raises(FormatError):
        pending_answers.add_observations(replace(visit, files=files))


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"junk", b'{"statement": 1}', b'{"sequence": NaN}', b'{"path":' + b"[" * 970 + b"]" * 970 + b"}"],
    ids=lambda body: body[:20].decode(),
)
def test_invalid_response_is_reported(services: Services, case: Case, shop: Site, body: bytes) -> None:
    shop.routes["/api/v1/alliance/capture"] = Answer(body, "application/json")
    partners.set_cocapture_options(partner_of(new_signer(), url=shop.url("")), is_requested=True, by="operator")
    assert get_partner_answer(services, case).missing in {"nonsense", "no-answer"}
