"""Heads of partners' logs are cosigned when they continue the last one; two histories of one log are kept as proof."""

import base64
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client

from evidence.log.append_only import Log
from evidence.log.notes import cosigned_at, cosigner_key, parse_note, sign_note
from exhibit.clock import now
from exhibit.entries import Entry, EntryType
from registry.alliance import partners
from registry.models import LogFork, LogOpening, Partner, WitnessedHead
from tests.assets.counted import log_of
from tests.assets.local_witness import LocalWitness
from tests.assets.partners import new_signer, partner_of
from workers.alliance.witnessing import NotCosignedError, add_checkpoint, heads_seen
from workers.services import wiring
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def services(inline: SyncRunner) -> Services:
    return inline.services


@pytest.fixture
def log(db: None, tmp_path: Path) -> Log:
    made = log_of(tmp_path)
    partners.add("b", "https://b.example", made.vkey(), cosigner_key("b/witness", new_signer().public_key), by="")
    return made


def grown(log: Log, count: int, old: int) -> bytes:
    """A request after so many further entries."""
    log.append([Entry(EntryType.SLICE, now(), bytes([number % 256]) * 32) for number in range(count)])
    path = [base64.b64encode(step).decode() for step in log.consistency(old, log.size())]
    return "\n".join([f"old {old}", *path, "", log.checkpoint().note]).encode()


def refused(services: Services, body: bytes) -> tuple[HTTPStatus, int | None]:
    with pytest.raises(NotCosignedError) as caught:
        add_checkpoint(services, body)
    return caught.value.status, caught.value.size


def test_each_head_has_to_continue_the_last(services: Services, log: Log) -> None:
    vkey = cosigner_key(services.witness_name, services.witness_signer.public_key)
    for count, old in ((3, 0), (4, 3), (0, 7), (300, 7)):
        body = grown(log, count, old)
        note = body.decode().partition("\n\n")[2]
        line = add_checkpoint(services, body)
        assert abs(now() - cosigned_at(parse_note(note + line), vkey)).total_seconds() < 60
        assert heads_seen() == [note]
    assert refused(services, grown(log, 1, 3)) == (HTTPStatus.CONFLICT, 307)
    assert refused(services, grown(log, 1, 0)) == (HTTPStatus.CONFLICT, 307)


def test_a_log_may_begin_with_the_head_of_no_entries(services: Services, log: Log) -> None:
    empty = b"old 0\n\n" + log.checkpoint().note.encode()
    for body in (empty, empty, grown(log, 3, 0)):
        assert add_checkpoint(services, body)
    assert not LogFork.objects.exists()


def test_a_first_head_that_no_log_can_have_is_refused(services: Services) -> None:
    signer = new_signer()
    partner = partner_of(signer)
    impossible = sign_note(partner.origin, 0, b"\x01" * 32, signer).note
    assert refused(services, b"old 0\n\n" + impossible.encode()) == (HTTPStatus.CONFLICT, 0)
    assert not LogFork.objects.exists()  # there is no other head that it contradicts


def test_another_program_would_cosign_what_is_cosigned_here(services: Services, log: Log) -> None:
    witness = LocalWitness("")
    witness.know(log.vkey())
    for count, old in ((2, 0), (5, 2), (9, 7)):
        body = grown(log, count, old)
        assert witness.asked_for(body)[0] == HTTPStatus.OK
        assert add_checkpoint(services, body)


def test_what_is_not_signed_not_known_or_not_shown_is_refused(services: Services, log: Log, tmp_path: Path) -> None:
    stranger = log_of(tmp_path, "stranger.example")
    assert refused(services, grown(stranger, 1, 0)) == (HTTPStatus.NOT_FOUND, None)
    add_checkpoint(services, grown(log, 3, 0))
    body = grown(log, 5, 3)
    forged = sign_note(log.origin, 8, b"\x01" * 32, new_signer()).note
    assert refused(services, b"old 3\n\n" + forged.encode()) == (HTTPStatus.FORBIDDEN, None)
    assert refused(services, b"old 3\n\n" + body.partition(b"\n\n")[2]) == (HTTPStatus.UNPROCESSABLE_ENTITY, None)
    for broken in (b"", b"old 9\n\n" + body.partition(b"\n\n")[2], b"old 3\nAA==\n\n" + body.partition(b"\n\n")[2]):
        assert refused(services, broken) == (HTTPStatus.BAD_REQUEST, None)
    assert refused(services, b"\xff" + body) == (HTTPStatus.BAD_REQUEST, None)
    assert not LogFork.objects.exists()
    assert WitnessedHead.objects.get().size == 3
    add_checkpoint(services, body)


def test_a_log_that_signs_two_histories_is_caught_and_cosigned_no_more(services: Services, tmp_path: Path) -> None:
    signer = new_signer()
    partner = partner_of(signer)
    first, other = (sign_note(partner.origin, 5, bytes([root]) * 32, signer).note for root in (1, 2))
    add_checkpoint(services, b"old 0\n\n" + first.encode())
    assert refused(services, b"old 5\n\n" + other.encode()) == (HTTPStatus.CONFLICT, 5)
    assert refused(services, b"old 5\n\n" + first.encode()) == (HTTPStatus.FORBIDDEN, None)
    fork = LogFork.objects.get()
    assert (fork.known, fork.other, fork.partner) == (first, other, partner)
    told = LogOpening.objects.filter(content__what="log of a partner forked").get()
    assert told.details is not None
    assert (told.details["known"], told.details["other"]) == (first, other)


def test_a_revoked_partner_is_not_witnessed(services: Services, log: Log) -> None:
    partners.revoke(Partner.objects.get(), by="operator", reason="")
    assert refused(services, grown(log, 1, 0)) == (HTTPStatus.NOT_FOUND, None)


def test_it_answers_over_http_as_the_protocol_says(log: Log) -> None:
    client = Client(enforce_csrf_checks=True)
    body = grown(log, 3, 0)
    answer = client.post("/witness/add-checkpoint", body, "text/plain")
    assert (answer.status_code, answer.content.decode().startswith("— ")) == (HTTPStatus.OK, True)
    answer = client.post("/witness/add-checkpoint", body, "text/plain")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (409, b"3\n", "text/x.tlog.size")
    assert client.post("/witness/add-checkpoint", b"?" * 200_000, "text/plain").status_code == HTTPStatus.BAD_REQUEST
    card = client.get("/witness/card").json()
    shown = wiring.services()
    assert card["witness"] == cosigner_key(shown.witness_name, shown.witness_signer.public_key)


def test_one_address_is_answered_as_often_as_honest_logs_sign(log: Log) -> None:
    cache.clear()
    client, body = Client(), grown(log, 3, 0)
    told = [client.post("/witness/add-checkpoint", body, "text/plain").status_code for _ in range(61)]
    assert told == [HTTPStatus.OK, *[HTTPStatus.CONFLICT] * 59, HTTPStatus.TOO_MANY_REQUESTS]
    other = client.post("/witness/add-checkpoint", body, "text/plain", REMOTE_ADDR="192.0.2.7")
    assert other.status_code == HTTPStatus.CONFLICT
    cards = [client.get("/witness/card").status_code for _ in range(61)]
    assert cards == [HTTPStatus.OK] * 60 + [HTTPStatus.TOO_MANY_REQUESTS]
    cache.clear()
