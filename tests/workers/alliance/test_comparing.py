"""What a partner's log shows here is held against what it has shown elsewhere."""

import json

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from evidence.keys.ed25519 import KeySigner
from evidence.log import merkle
from evidence.log.notes import cosigner_key, parse_note, sign_note
from exhibit.clock import now
from exhibit.entries import EntryType
from registry.alliance import heads, partners
from registry.log.log import submit
from registry.models import LogFork, Partner, WitnessedHead
from tests.assets.partners import new_signer, partner_of
from tests.assets.site import Answer, Site
from workers.alliance.comparing import compare_heads
from workers.log.sequencer import sequence_log, sign_checkpoint
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def services(inline: SyncRunner) -> Services:
    return inline.services


@pytest.fixture
def itself(services: Services, live_server: LiveServer) -> Partner:
    """A partner whose site and log are those of the test, with 300 entries and two heads."""
    url = live_server.url.replace("localhost", "127.0.0.1")
    row = partners.add("b", url, services.log.vkey(), cosigner_key("b/w", new_signer().public_key), by="operator")
    for count in (20, 280):
        for number in range(count):
            submit(EntryType.SETTING, {"what": number}, None)
        sequence_log(services)
        sign_checkpoint(services)
    assert Client().get("/log/checkpoint").status_code == 200
    return row


def cosigned(partner: Partner, note: str) -> None:
    """As if this head had been cosigned here."""
    read = parse_note(note)
    WitnessedHead.objects.create(
        origin=partner.origin, partner=partner, size=read.size, root=read.root, note=note, cosigned_at=now()
    )


def own_signer(services: Services) -> KeySigner:
    signer = services.log._signer
    assert isinstance(signer, KeySigner)
    return signer


def test_a_log_that_continues_what_was_cosigned_is_well(services: Services, itself: Partner) -> None:
    assert compare_heads(services) == {}
    cosigned(itself, sign_note(itself.origin, 20, services.log.root(20), own_signer(services)).note)
    assert compare_heads(services) == {}
    row = Partner.objects.get()
    assert row.fault == ""
    assert row.looked_at is not None


def roots_of(old: int, new: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees by a consistency proof alone (RFC 9162, 2.1.4.2, from step 3 on)."""
    first, second = old - 1, new - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    small = large = path[0]
    for step in path[1:]:
        if first & 1 or first == second:
            small, large = merkle.node_hash(step, small), merkle.node_hash(step, large)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            large = merkle.node_hash(large, step)
        first, second = first >> 1, second >> 1
    return small, large


@pytest.mark.parametrize("size", [1, 20, 256, 299])
def test_two_histories_are_found_with_a_proof_for_anybody(services: Services, itself: Partner, size: int) -> None:
    lie = sign_note(itself.origin, size, b"\x01" * 32, own_signer(services)).note
    cosigned(itself, lie)
    assert compare_heads(services)["b"].startswith("Its log has signed two histories.")
    fork = LogFork.objects.get()
    known, other = parse_note(fork.known), parse_note(fork.other)
    assert (known.root, known.size) == (b"\x01" * 32, size)
    # without asking anybody: under the larger root stands another tree of the smaller size
    small, large = roots_of(known.size, other.size, [bytes.fromhex(step) for step in fork.path])
    assert (small, large) == (services.log.root(size), other.root)
    assert small != known.root
    assert heads.has_forked(itself.origin)
    assert compare_heads(services)["b"].startswith("Its log has signed two histories.")
    assert LogFork.objects.count() == 1


def test_a_log_that_shows_less_than_it_has_signed_is_told(services: Services, itself: Partner) -> None:
    cosigned(itself, sign_note(itself.origin, 4000, b"\x01" * 32, own_signer(services)).note)
    assert compare_heads(services)["b"].startswith("Its log has signed 4000 entries and shows 30")
    assert not LogFork.objects.exists()


def test_what_a_partner_makes_up_about_another_accuses_nobody(services: Services, itself: Partner) -> None:
    cosigned(itself, sign_note(itself.origin, 20, b"\x01" * 32, new_signer()).note)
    assert compare_heads(services) == {}
    assert not LogFork.objects.exists()


def test_a_partner_that_is_away_hides_no_other(services: Services, itself: Partner) -> None:
    partner_of(new_signer(), "away")
    cosigned(itself, sign_note(itself.origin, 20, b"\x01" * 32, own_signer(services)).note)
    wrong = compare_heads(services)
    assert wrong["away"] == "http://127.0.0.1:9/log/checkpoint can't be read: ConnectionError."
    assert wrong["b"].startswith("Its log has signed two histories.")


def test_ones_own_log_that_was_set_back_is_told(services: Services, itself: Partner) -> None:
    cosigned(itself, sign_note(itself.origin, 4000, b"\x01" * 32, own_signer(services)).note)
    told = compare_heads(services)["b"]
    assert "It has cosigned a head that this installation's log doesn't hold. The log is shorter than the 4000" in told


@pytest.mark.parametrize(
    "told",
    [{"heads": 7}, {"heads": None}, {"heads": [7, None, {}, "x" * 100_000]}, {}, "[" * 50_000],
    ids=lambda told: str(told)[:30],
)
def test_a_partner_that_tells_nonsense_stops_nothing(services: Services, told: object) -> None:
    data = told.encode() if isinstance(told, str) else json.dumps(told).encode()
    with Site(host="127.0.0.9") as site:
        site.routes["/api/v1/alliance/heads"] = Answer(data, "application/json")
        partner_of(new_signer(), "odd", site.url(""))
        assert compare_heads(services)["odd"].endswith("/log/checkpoint can't be read: HTTPError.")
