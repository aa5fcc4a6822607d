"""Test that a partner's images are searched without being revealed, under an agreement enforced by the software."""

import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pytest_django.live_server_helper import LiveServer

from evidence.log.notes import format_cosigner_key
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, RefusedError, ServiceMissingError
from indexer.picture.features import extract
from indexer.search.fingerprint_file import StatedPicture
from registry.alliance import blind_search, partners
from registry.alliance.blind_search import build_index_page, evaluate_points, search_partner_pictures
from registry.log.local_log import get_log
from registry.matches.match import match_pictures
from registry.models import Agreement, LogSubmission, Partner, Picture, Sighting
from registry.services.services import Services
from registry.works.fingerprint_registration import register_stated_picture
from tests.assets.partners import new_signer, partner_of
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

POINT = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"


@pytest.fixture
def services(inline: SyncRunner) -> Services:
    return inline.services


def add_seen_pictures(services: Services, *pictures: bytes, private: bool = False) -> None:
    to, epoch = claim_new_slice(owner(f"seer{private}".lower()), private=private)
    match_pictures(services, record_sightings(services, to, epoch, list(pictures)))


def add_self_as_partner(services: Services, url: str) -> Partner:
    key = format_cosigner_key("b/witness", new_signer().public_key)
    return partners.add_partner("itself", url, get_log(services).get_verifier_key(), key, by="operator")


def make_agreement(partner: Partner, queries: int = 1_000, fields: tuple[str, ...] = ("digest", "page")) -> Agreement:
    return partners.create_agreement(partner, fields, now() + timedelta(days=1), queries, by="operator")


def list_log_entries() -> list[str]:
    return [str(row) for row in LogSubmission.objects.values_list("opening__content", flat=True)]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_blind_search_discloses_only_matches(services: Services, live_server: LiveServer) -> None:
    partner = add_self_as_partner(services, live_server.url.replace("localhost", "127.0.0.1"))
    row = make_agreement(partner)
    register(services, owner("studio"), photograph(1))
    add_seen_pictures(services, photograph(1), recompress(photograph(1)), photograph(2))
    matches = search_partner_pictures(services, partner).matches
    assert [(match.is_exact, match.disclosed_values["digest"]) for match in matches] == [
        (True, Digest.from_bytes(photograph(1)).hex),
        (False, Digest.from_bytes(recompress(photograph(1))).hex),
    ]
    assert set(matches[0].disclosed_values) == {"digest", "page"}
    row.refresh_from_db()
    assert row.used == 17 + 1
    partners.end_agreement(row.pk, by="operator")
    with pytest.raises(RefusedError):
        search_partner_pictures(services, partner)


@pytest.mark.django_db(transaction=True)
def test_work_registered_by_fingerprints_is_searched_by_its_digest(services: Services, live_server: LiveServer) -> None:
    partner = add_self_as_partner(services, live_server.url.replace("localhost", "127.0.0.1"))
    make_agreement(partner)
    data = photograph(1)
    register_stated_picture(services, owner("studio"), StatedPicture.from_features("a.jpg", len(data), extract(data)))
    add_seen_pictures(services, data, recompress(data))
    assert sorted(match.is_exact for match in search_partner_pictures(services, partner).matches) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_digest_shared_by_pictures_is_queried_once(services: Services, live_server: LiveServer) -> None:
    partner = add_self_as_partner(services, live_server.url.replace("localhost", "127.0.0.1"))
    row = make_agreement(partner)
    resaved = recompress(photograph(1))
    register(services, owner("studio"), photograph(1))
    register(services, owner("agency"), resaved)
    add_seen_pictures(services, photograph(1))
    assert [match.is_exact for match in search_partner_pictures(services, partner).matches] == [True, False]
    row.refresh_from_db()
    assert 18 <= row.used - 1 < 2 * 17


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_incomplete_search_returns_matches_and_reason(
    services: Services, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blind_search, "PAGE_SIZE", 1)
    partner = add_self_as_partner(services, live_server.url.replace("localhost", "127.0.0.1"))
    make_agreement(partner, queries=17 + 1)
    register(services, owner("studio"), photograph(1))
    add_seen_pictures(services, photograph(1), recompress(photograph(1)))
    part = search_partner_pictures(services, partner)
    assert ([match.is_exact for match in part.matches], "18 queries" in part.failure) == ([True], True)
    Agreement.objects.update(queries=100)
    monkeypatch.setattr(blind_search, "MAX_PAGES", 1)
    part = search_partner_pictures(services, partner)
    assert ([match.is_exact for match in part.matches], "time or page limit" in part.failure) == ([True], True)
    monkeypatch.setattr(blind_search, "MAX_PAGES", 9)
    assert search_partner_pictures(services, partner).failure == ""
    monkeypatch.setattr(blind_search, "SEARCH_SECONDS", 0.0)
    with pytest.raises(ServiceMissingError):  # nothing was searched
        search_partner_pictures(services, partner)


def test_two_encryptions_of_the_same_index_page_cannot_be_linked(services: Services, partner_b: Partner) -> None:
    make_agreement(partner_b)
    add_seen_pictures(services, photograph(1), recompress(photograph(1)))
    first, second = (build_index_page(services, partner_b, 0) for _ in range(2))
    assert len(first["entries"]) == 2 * 17
    assert not {entry[:32] for entry in first["entries"]} & {entry[:32] for entry in second["entries"]}
    assert len({entry[:32] for entry in first["entries"]}) == 2 * 17  # equal parts of hashes do not look equal
    assert {len(record) for record in first["records"]} == {2 * 1_052}
    partners.end_agreement(partners.get_newest_agreement(partner_b).pk, by="operator")  # type: ignore[union-attr]


def test_long_record_fields_are_truncated() -> None:
    details = {"page": "https://a.example/" + "画" * 380, "image": '"' * 300, "seen": "2026-11-25T00:00:00.000000Z"}
    encrypted = blind_search._encrypt_record(b"k" * 16, b"salt", details)
    assert len(encrypted) == 1_052
    decrypted = json.loads(AESGCM(b"k" * 16).decrypt(encrypted[:12], encrypted[12:], b"salt"))
    assert decrypted["seen"] == details["seen"]
    assert details["page"].startswith(decrypted["page"])
    assert decrypted["page"].startswith("https://a.example/")


@pytest.fixture
def partner_b(services: Services) -> Partner:
    return partner_of(new_signer())


def test_index_excludes_private_and_purged_pictures(services: Services, partner_b: Partner) -> None:
    make_agreement(partner_b)
    add_seen_pictures(services, photograph(1), private=True)
    assert build_index_page(services, partner_b, 0)["records"] == []
    Sighting.objects.update(private_to=None)
    assert len(build_index_page(services, partner_b, 0)["records"]) == 1
    Picture.objects.update(bytes_state="purged")
    assert build_index_page(services, partner_b, 0)["records"] == []


def test_blind_search_queries_above_the_limit_are_rejected_and_logged(services: Services, partner_b: Partner) -> None:
    with pytest.raises(RefusedError):
        evaluate_points(services, partner_b, [POINT])
    row = make_agreement(partner_b, queries=2)
    assert len(evaluate_points(services, partner_b, [POINT])[1]) == 1
    for _ in range(3):
        with pytest.raises(RefusedError) as error_info:
            evaluate_points(services, partner_b, [POINT] * 2)
        assert error_info.value.reason == "agreement"
    Agreement.objects.filter(pk=row.pk).update(until=now())
    with pytest.raises(RefusedError):
        build_index_page(services, partner_b, 0)
    messages = list_log_entries()
    assert sum("blind search answered" in message for message in messages) == 1
    assert sum("blind search refused" in message for message in messages) == 1  # requests cannot fill the log
    row.refresh_from_db()
    assert row.used == 1


def test_keys_differ_between_agreements(services: Services, partner_b: Partner) -> None:
    first = evaluate_points(services, partner_b, [POINT]) if make_agreement(partner_b) else None
    with pytest.raises(ConflictError):
        make_agreement(partner_b)
    partners.end_agreement(first[0].pk, by="operator")  # type: ignore[index]
    make_agreement(partner_b)
    assert evaluate_points(services, partner_b, [POINT])[1] != first[1]  # type: ignore[index]


@pytest.mark.parametrize(
    "answers",
    [
        {"blind-points": {}},
        {"blind-points": {"points": []}},
        {"blind-points": {"points": ["ff" * 32] * 17}},
        {"blind-points": {"points": [7] * 17}},
        {"blind-index": {}},
        {"blind-index": {"salt": "", "entries": ["00"] * 9_999, "records": [], "next": 1}},
        {"blind-index": {"salt": "", "entries": [], "records": [], "next": 0}},
    ],
    ids=lambda answers: str(answers)[:40],
)
def test_invalid_partner_response_is_reported(
    services: Services, partner_b: Partner, monkeypatch: pytest.MonkeyPatch, answers: dict[str, dict[str, object]]
) -> None:
    register(services, owner("studio"), photograph(1))
    monkeypatch.setattr(
        blind_search, "call_partner", lambda *given, **_: {"points": [POINT] * 17} | answers.get(given[2], {})
    )
    with pytest.raises(ServiceMissingError):
        search_partner_pictures(services, partner_b)
    assert any("blind search queried" in message for message in list_log_entries())


def test_unreachable_partner_is_reported(services: Services, partner_b: Partner) -> None:
    register(services, owner("studio"), photograph(1))
    with pytest.raises(ServiceMissingError):
        search_partner_pictures(services, partner_b)
