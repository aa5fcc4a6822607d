"""Test that a consistent checkpoint of a partner's log is cosigned, and compared with what was shown elsewhere."""

import base64
import json
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from pytest_django.live_server_helper import LiveServer

from desk.texts.sentences import in_words
from evidence.keys.ed25519 import KeySigner
from evidence.log import merkle
from evidence.log.append_only import Log
from evidence.log.notes import format_cosigner_key, parse_note, sign_note, verify_cosignature
from exhibit.clock import now
from exhibit.entries import Entry, EntryType
from registry.alliance import cosigning, partners
from registry.alliance.cosigning import (
    FORKED_LOG,
    NO_STATEMENT,
    NotCosignedError,
    add_checkpoint,
    compare_checkpoints,
    has_forked,
    list_cosigned_checkpoints,
    list_forks,
)
from registry.log.local_log import get_log, get_witness_name, get_witness_signer
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import CosignedCheckpoint, LogFork, LogOpening, Partner
from registry.services.services import Services
from tests.assets.error_counts import log_of
from tests.assets.local_witness import LocalWitness
from tests.assets.partners import new_signer, partner_of
from tests.assets.site import Answer, Site
from workers import wiring
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def services(inline: SyncRunner) -> Services:
    return inline.services


@pytest.fixture
def log(db: None, tmp_path: Path) -> Log:
    new_log = log_of(tmp_path)
    partners.add_partner(
        "b",
        "https://b.example",
        new_log.get_verifier_key(),
        format_cosigner_key("b/witness", new_signer().public_key),
        by="",
    )
    return new_log


def grow_log(log: Log, count: int, old: int) -> bytes:
    """Return a request after ``count`` further entries."""
    log.append([Entry(EntryType.SLICE, now(), bytes([number % 256]) * 32) for number in range(count)])
    path = [base64.b64encode(step).decode() for step in log.prove_consistency(old, log.count_entries())]
    return "\n".join([f"old {old}", *path, "", log.sign_checkpoint().note]).encode()


def get_refusal(services: Services, body: bytes) -> tuple[HTTPStatus, int | None]:
    with pytest.raises(NotCosignedError) as caught:
        add_checkpoint(services, body)
    return caught.value.status, caught.value.size


def test_checkpoint_must_extend_previous_checkpoint(services: Services, log: Log) -> None:
    vkey = format_cosigner_key(get_witness_name(services), get_witness_signer(services).public_key)
    for count, old in ((3, 0), (4, 3), (0, 7), (300, 7)):
        body = grow_log(log, count, old)
        note = body.decode().partition("\n\n")[2]
        line = add_checkpoint(services, body)
        assert abs(now() - verify_cosignature(parse_note(note + line), vkey)).total_seconds() < 60
        assert list_cosigned_checkpoints() == [note]
    assert get_refusal(services, grow_log(log, 1, 3)) == (HTTPStatus.CONFLICT, 307)
    assert get_refusal(services, grow_log(log, 1, 0)) == (HTTPStatus.CONFLICT, 307)


def test_log_may_start_with_an_empty_checkpoint(services: Services, log: Log) -> None:
    empty = b"old 0\n\n" + log.sign_checkpoint().note.encode()
    for body in (empty, empty, grow_log(log, 3, 0)):
        assert add_checkpoint(services, body)
    assert not LogFork.objects.exists()


def test_impossible_first_checkpoint_is_rejected(services: Services) -> None:
    signer = new_signer()
    partner = partner_of(signer)
    impossible = sign_note(partner.origin, 0, b"\x01" * 32, signer).note
    assert get_refusal(services, b"old 0\n\n" + impossible.encode()) == (HTTPStatus.CONFLICT, 0)
    beyond = sign_note(partner.origin, 1 << 63, b"\x01" * 32, signer).note
    assert get_refusal(services, b"old 0\n\n" + beyond.encode()) == (HTTPStatus.BAD_REQUEST, None)
    assert not LogFork.objects.exists()  # it contradicts no other checkpoint


def test_independent_cosigner_accepts_same_requests(services: Services, log: Log) -> None:
    cosigner = LocalWitness("")
    cosigner.add_log(log.get_verifier_key())
    for count, old in ((2, 0), (5, 2), (9, 7)):
        body = grow_log(log, count, old)
        assert cosigner.respond(body)[0] == HTTPStatus.OK
        assert add_checkpoint(services, body)


def test_checkpoint_without_signature_known_origin_or_proof_is_rejected(
    services: Services, log: Log, tmp_path: Path
) -> None:
    stranger = log_of(tmp_path, "stranger.example")
    assert get_refusal(services, grow_log(stranger, 1, 0)) == (HTTPStatus.NOT_FOUND, None)
    add_checkpoint(services, grow_log(log, 3, 0))
    body = grow_log(log, 5, 3)
    forged = sign_note(log.origin, 8, b"\x01" * 32, new_signer()).note
    assert get_refusal(services, b"old 3\n\n" + forged.encode()) == (HTTPStatus.FORBIDDEN, None)
    assert get_refusal(services, b"old 3\n\n" + body.partition(b"\n\n")[2]) == (HTTPStatus.UNPROCESSABLE_ENTITY, None)
    for broken in (b"", b"old 9\n\n" + body.partition(b"\n\n")[2], b"old 3\nAA==\n\n" + body.partition(b"\n\n")[2]):
        assert get_refusal(services, broken) == (HTTPStatus.BAD_REQUEST, None)
    assert get_refusal(services, b"\xff" + body) == (HTTPStatus.BAD_REQUEST, None)
    assert not LogFork.objects.exists()
    assert CosignedCheckpoint.objects.get().size == 3
    add_checkpoint(services, body)


def test_forked_log_is_recorded_and_not_cosigned(services: Services, tmp_path: Path) -> None:
    signer = new_signer()
    partner = partner_of(signer)
    first, other = (sign_note(partner.origin, 5, bytes([root]) * 32, signer).note for root in (1, 2))
    add_checkpoint(services, b"old 0\n\n" + first.encode())
    assert get_refusal(services, b"old 5\n\n" + other.encode()) == (HTTPStatus.CONFLICT, 5)
    assert get_refusal(services, b"old 5\n\n" + first.encode()) == (HTTPStatus.FORBIDDEN, None)
    fork = LogFork.objects.get()
    assert (fork.known, fork.other, fork.partner) == (first, other, partner)
    opening = LogOpening.objects.filter(content__what="log of a partner forked").get()
    assert opening.details is not None
    assert (opening.details["known"], opening.details["other"]) == (first, other)


def test_revoked_partner_is_not_cosigned(services: Services, log: Log) -> None:
    partners.revoke_partner(Partner.objects.get(), by="operator", reason="")
    assert get_refusal(services, grow_log(log, 1, 0)) == (HTTPStatus.NOT_FOUND, None)


def test_add_checkpoint_endpoint_follows_protocol(log: Log) -> None:
    client = Client(enforce_csrf_checks=True)
    body = grow_log(log, 3, 0)
    answer = client.post("/witness/add-checkpoint", body, "text/plain")
    assert (answer.status_code, answer.content.decode().startswith("— ")) == (HTTPStatus.OK, True)
    answer = client.post("/witness/add-checkpoint", body, "text/plain")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (409, b"3\n", "text/x.tlog.size")
    assert client.post("/witness/add-checkpoint", b"?" * 200_000, "text/plain").status_code == HTTPStatus.BAD_REQUEST
    card = client.get("/witness/card").json()
    own_services = wiring.services()
    assert card["witness"] == format_cosigner_key(
        get_witness_name(own_services), get_witness_signer(own_services).public_key
    )


@pytest.mark.long
def test_cosigning_requests_are_rate_limited_per_address(log: Log) -> None:
    cache.clear()
    client, body = Client(), grow_log(log, 3, 0)
    status_codes = [client.post("/witness/add-checkpoint", body, "text/plain").status_code for _ in range(61)]
    assert status_codes == [HTTPStatus.OK, *[HTTPStatus.CONFLICT] * 59, HTTPStatus.TOO_MANY_REQUESTS]
    other = client.post("/witness/add-checkpoint", body, "text/plain", REMOTE_ADDR="192.0.2.7")
    assert other.status_code == HTTPStatus.CONFLICT
    cards = [client.get("/witness/card").status_code for _ in range(61)]
    assert cards == [HTTPStatus.OK] * 60 + [HTTPStatus.TOO_MANY_REQUESTS]
    cache.clear()


@pytest.fixture
def self_partner(services: Services, live_server: LiveServer) -> Partner:
    """A partner backed by the test server and its log, with 300 entries and two checkpoints."""
    url = live_server.url.replace("localhost", "127.0.0.1")
    row = partners.add_partner(
        "b",
        url,
        get_log(services).get_verifier_key(),
        format_cosigner_key("b/w", new_signer().public_key),
        by="operator",
    )
    for count in (20, 280):
        for number in range(count):
            submit_entry(EntryType.SETTING, {"what": number}, None)
        sequence_log(services)
        sign_checkpoint(services)
    assert Client().get("/log/checkpoint").status_code == 200
    return row


def record_cosigned_checkpoint(partner: Partner, note: str) -> None:
    """Record this checkpoint as cosigned."""
    parsed = parse_note(note)
    CosignedCheckpoint.objects.create(
        origin=partner.origin, partner=partner, size=parsed.size, root=parsed.root, note=note, cosigned_at=now()
    )


def get_log_signer(services: Services) -> KeySigner:
    signer = get_log(services)._signer
    assert isinstance(signer, KeySigner)
    return signer


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_consistent_partner_log_has_no_fault(services: Services, self_partner: Partner) -> None:
    assert compare_checkpoints(services) == {}
    record_cosigned_checkpoint(
        self_partner,
        sign_note(self_partner.origin, 20, get_log(services).compute_root(20), get_log_signer(services)).note,
    )
    assert compare_checkpoints(services) == {}
    row = Partner.objects.get()
    assert row.fault == ""
    assert row.looked_at is not None


def compute_roots(old: int, new: int, path: list[bytes]) -> tuple[bytes, bytes]:
    """Compute both trees' roots from a consistency proof alone (RFC 9162, 2.1.4.2, from step 3)."""
    first, second = old - 1, new - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    small = large = path[0]
    for step in path[1:]:
        if first & 1 or first == second:
            small, large = merkle.compute_node_hash(step, small), merkle.compute_node_hash(step, large)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            large = merkle.compute_node_hash(large, step)
        first, second = first >> 1, second >> 1
    return small, large


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 256, 299])
def test_fork_of_a_partner_log_is_detected_with_verifiable_proof(
    services: Services, self_partner: Partner, size: int
) -> None:
    lie = sign_note(self_partner.origin, size, b"\x01" * 32, get_log_signer(services)).note
    record_cosigned_checkpoint(self_partner, lie)
    assert compare_checkpoints(services)["b"].startswith(FORKED_LOG)
    fork = LogFork.objects.get()
    known_note, other = parse_note(fork.known), parse_note(fork.other)
    assert (known_note.root, known_note.size) == (b"\x01" * 32, size)
    # without a query: the larger root contains another tree of the smaller size
    small, large = compute_roots(known_note.size, other.size, [bytes.fromhex(step) for step in fork.path])
    assert (small, large) == (get_log(services).compute_root(size), other.root)
    assert small != known_note.root
    assert has_forked(self_partner.origin)
    assert compare_checkpoints(services)["b"].startswith(FORKED_LOG)
    assert LogFork.objects.count() == 1


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_partner_log_smaller_than_its_signed_checkpoint_is_reported(services: Services, self_partner: Partner) -> None:
    record_cosigned_checkpoint(
        self_partner, sign_note(self_partner.origin, 4000, b"\x01" * 32, get_log_signer(services)).note
    )
    assert "4000" in compare_checkpoints(services)["b"]
    assert not LogFork.objects.exists()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_forged_checkpoint_does_not_accuse_partner(services: Services, self_partner: Partner) -> None:
    record_cosigned_checkpoint(self_partner, sign_note(self_partner.origin, 20, b"\x01" * 32, new_signer()).note)
    assert compare_checkpoints(services) == {}
    assert not LogFork.objects.exists()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_unreachable_partner_does_not_hide_other_forks(services: Services, self_partner: Partner) -> None:
    partner_of(new_signer(), "away")
    record_cosigned_checkpoint(
        self_partner, sign_note(self_partner.origin, 20, b"\x01" * 32, get_log_signer(services)).note
    )
    wrong = compare_checkpoints(services)
    assert "http://127.0.0.1:9/log/checkpoint" in wrong["away"]
    assert "ConnectionError" in wrong["away"]
    assert wrong["b"].startswith(FORKED_LOG)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_rollback_of_the_local_log_is_reported(services: Services, self_partner: Partner) -> None:
    record_cosigned_checkpoint(
        self_partner, sign_note(self_partner.origin, 4000, b"\x01" * 32, get_log_signer(services)).note
    )
    outcome = compare_checkpoints(services)["b"]
    assert "4000" in outcome
    with translation.override("zh-hans"):  # the row keeps the values for both sentences
        fault = in_words(Partner.objects.get(name="b").fault)
    assert "4000" in fault
    assert fault != outcome


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "reply",
    [{"heads": 7}, {"heads": None}, {"heads": [7, None, {}, "x" * 100_000]}, {}, "[" * 50_000],
    ids=lambda told: str(told)[:30],
)
def test_invalid_partner_response_does_not_stop_the_comparison(services: Services, reply: object) -> None:
    data = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
    with Site(host="127.0.0.9") as site:
        site.routes["/api/v1/alliance/heads"] = Answer(data, "application/json")
        partner_of(new_signer(), "odd", site.url(""))
        assert compare_checkpoints(services)["odd"].endswith("/log/checkpoint could not be read: HTTPError.")


def serve_checkpoints(site: Site, *notes: str, forks: object = ()) -> None:
    """Set the response of a partner's site to a request for checkpoints."""
    body = json.dumps({"heads": notes, "forks": forks}).encode()
    site.routes["/api/v1/alliance/heads"] = Answer(body, "application/json")


def add_rogue_and_friend(friend: Site, rogue: Site) -> tuple[KeySigner, Partner]:
    """Create a partner that hides its log from comparisons, its key, and a partner that has seen its checkpoints."""
    partner_of(new_signer(), "friend", friend.url("").rstrip("/"))
    key = new_signer()
    return key, partner_of(key, "rogue", rogue.url("").rstrip("/"))


def make_checkpoint_note(partner: Partner, size: int, signer: KeySigner, root: int) -> str:
    return sign_note(partner.origin, size, bytes([root]) * 32, signer).note


@pytest.mark.django_db(transaction=True)
def test_fork_at_equal_log_size_is_detected_without_access_to_the_log(services: Services) -> None:
    with Site() as friend, Site() as site:
        key, rogue = add_rogue_and_friend(friend, site)
        record_cosigned_checkpoint(rogue, make_checkpoint_note(rogue, 5, key, 1))
        serve_checkpoints(friend, make_checkpoint_note(rogue, 5, key, 2))
        assert compare_checkpoints(services)["rogue"].startswith(FORKED_LOG)
    fork = LogFork.objects.get()
    assert {fork.known, fork.other} == {make_checkpoint_note(rogue, 5, key, root) for root in (1, 2)}
    assert get_refusal(services, f"old 5\n\n{make_checkpoint_note(rogue, 5, key, 1)}".encode()) == (
        HTTPStatus.FORBIDDEN,
        None,
    )


def forge_signature(vkey: str, character: str) -> str:
    """Return an unsigned checkpoint under the name of a key, with a character that is not permitted in one."""
    name, identity, _ = vkey.split("+", 2)
    line = base64.b64encode(bytes.fromhex(identity) + bytes(64)).decode()
    return f"{name}\n5\n{base64.b64encode(bytes(32)).decode()}\n{character}\n\n— {name} {line}\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_malformed_partner_data_does_not_hide_fork(services: Services, character: str) -> None:
    with Site() as friend, Site() as site, Site() as odd:
        key, rogue = add_rogue_and_friend(friend, site)
        partner_of(new_signer(), "a", odd.url("").rstrip("/"))
        record_cosigned_checkpoint(rogue, make_checkpoint_note(rogue, 5, key, 1))
        serve_checkpoints(friend, make_checkpoint_note(rogue, 5, key, 2))
        made_up = [forge_signature(vkey, character) for vkey in (rogue.log_key, get_log(services).get_verifier_key())]
        lie = {"known": f"x{character}", "other": "", "path": []}
        serve_checkpoints(odd, *made_up, forks=[lie, {**lie, "known": made_up[0], "other": made_up[0]}])
        assert compare_checkpoints(services)["rogue"].startswith(FORKED_LOG)
    assert not Partner.objects.filter(looked_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_failed_comparison_is_reported_and_other_partners_are_compared(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log, look = log_of(tmp_path), cosigning._check_log

    def fail_comparison(services: Services, partner: Partner, checkpoint: cosigning.CosignedNotes) -> tuple[str, str]:
        if partner.name == "a":
            raise LookupError
        return look(services, partner, checkpoint)

    monkeypatch.setattr(cosigning, "_check_log", fail_comparison)
    with Site() as site:
        partner_of(new_signer(), "a")
        partners.add_partner(
            "b",
            site.url("").rstrip("/"),
            log.get_verifier_key(),
            format_cosigner_key("b/w", new_signer().public_key),
            by="",
        )
        site.routes["/log/checkpoint"] = Answer(log.sign_checkpoint().note.encode())
        serve_checkpoints(site)
        [(name, message)] = compare_checkpoints(services).items()
        assert (name, "LookupError" in message) == ("a", True)
        site.routes["/api/v1/alliance/heads"] = Answer(b'"\\ud800"', "application/json")
        assert compare_checkpoints(services)["b"].startswith(NO_STATEMENT)
        refusal = Answer(b'{"detail": "No partner here has signed this."}', "application/json", status=403)
        site.routes["/api/v1/alliance/heads"] = refusal  # the partner does not take part in comparisons
        assert "b" not in compare_checkpoints(services)
    assert "LookupError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_larger_checkpoint_submitted_during_a_comparison_is_not_reported(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, look = log_of(tmp_path), cosigning._check_log
    with Site() as friend:
        partner_of(new_signer(), "friend", friend.url("").rstrip("/"))
        keys = log.get_verifier_key(), format_cosigner_key("honest/witness", new_signer().public_key)
        row = partners.add_partner("honest", "http://127.0.0.1:9", *keys, by="")
        add_checkpoint(services, grow_log(log, 3, 0))
        body = grow_log(log, 4, 3)
        serve_checkpoints(friend, body.decode().partition("\n\n")[2])

        def explain_meanwhile(
            services: Services, partner: Partner, checkpoint: cosigning.CosignedNotes
        ) -> tuple[str, str]:
            result = look(services, partner, checkpoint)
            if partner == row:
                add_checkpoint(services, body)
            return result

        def change_key_meanwhile(
            services: Services, partner: Partner, checkpoint: cosigning.CosignedNotes
        ) -> tuple[str, str]:
            outcome = look(services, partner, checkpoint)
            if partner == row:
                partner_of(new_signer(), "honest")
            return outcome

        monkeypatch.setattr(cosigning, "_check_log", explain_meanwhile)
        compare_checkpoints(services)
        assert add_checkpoint(services, grow_log(log, 2, 7))
        serve_checkpoints(friend, sign_note(log.origin, 20, b"\x02" * 32, log._signer).note)
        monkeypatch.setattr(cosigning, "_check_log", change_key_meanwhile)
        compare_checkpoints(services)
    row.refresh_from_db()
    assert (row.unexplained, row.fault, row.looked_at is None) == ("", "", False)


@pytest.mark.django_db(transaction=True)
def test_checkpoint_is_not_cosigned_while_a_larger_checkpoint_is_unexplained(
    services: Services, tmp_path: Path
) -> None:
    log = log_of(tmp_path)
    with Site() as friend, Site() as site:
        partner_of(new_signer(), "friend", friend.url("").rstrip("/"))
        cosigner = format_cosigner_key("rogue/witness", new_signer().public_key)
        partners.add_partner("rogue", site.url("").rstrip("/"), log.get_verifier_key(), cosigner, by="")
        add_checkpoint(services, grow_log(log, 3, 0))
        serve_checkpoints(friend, sign_note(log.origin, 7, b"\x02" * 32, log._signer).note)
        compare_checkpoints(services)
        assert get_refusal(services, grow_log(log, 1, 3)) == (HTTPStatus.FORBIDDEN, None)
        serve_checkpoints(friend)  # a checkpoint that is no longer reported stays unexplained
        compare_checkpoints(services)
        assert get_refusal(services, grow_log(log, 1, 3)) == (HTTPStatus.FORBIDDEN, None)
        assert not LogFork.objects.exists()
        # The same size with a different root
        assert get_refusal(services, grow_log(log, 2, 3)) == (
            HTTPStatus.FORBIDDEN,
            None,
        )
    assert LogFork.objects.get().source == "submitted for cosigning"


@pytest.mark.django_db(transaction=True)
def test_larger_checkpoint_stops_being_unexplained_when_its_log_submits_it(services: Services, tmp_path: Path) -> None:
    log = log_of(tmp_path)
    with Site() as friend, Site() as site:
        partner_of(new_signer(), "friend", friend.url("").rstrip("/"))
        cosigner = format_cosigner_key("honest/witness", new_signer().public_key)
        row = partners.add_partner("honest", site.url("").rstrip("/"), log.get_verifier_key(), cosigner, by="")
        add_checkpoint(services, grow_log(log, 3, 0))
        body = grow_log(log, 4, 3)
        serve_checkpoints(friend, body.decode().partition("\n\n")[2])
        compare_checkpoints(services)  # while the log does not respond
        row.refresh_from_db()
        assert row.unexplained
        assert add_checkpoint(services, body)
        assert add_checkpoint(services, grow_log(log, 2, 7))
    assert not LogFork.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_only_valid_fork_proofs_are_accepted_and_forwarded(services: Services, tmp_path: Path) -> None:
    log, other = log_of(tmp_path), log_of(tmp_path, "other.example/log")
    grow_log(log, 300, 0)
    small = {size: sign_note(log.origin, size, b"\x01" * 32, log._signer).note for size in (256, 299)}
    true = sign_note(log.origin, 299, log.compute_root(299), log._signer).note
    large = log.sign_checkpoint().note
    path = {size: [step.hex() for step in log.prove_consistency(size, 300)] for size in (256, 299)}
    path[256].insert(0, log.compute_root(256).hex())
    honest, (first, second, *rest) = sign_note(log.origin, 256, log.compute_root(256), log._signer).note, path[256]
    moved = [first[:-2], first[-2:] + second, *rest]  # the same bytes are hashed
    lies = [
        {"known": true, "other": large, "path": path[299]},  # both checkpoints are genuine
        {"known": small[299], "other": large, "path": path[299][:-1]},
        {"known": small[299], "other": large, "path": []},
        {"known": small[299], "other": large, "path": path[256]},
        {"known": sign_note(log.origin, 299, b"\x01" * 32, new_signer()).note, "other": large, "path": path[299]},
        {"known": small[299], "other": other.sign_checkpoint().note, "path": path[299]},
        {"known": small[299], "other": small[299], "path": []},
        {"known": 7, "other": None, "path": {}},
        {"known": honest, "other": large, "path": moved},
        {"known": small[299], "other": large, "path": ["zz", 7]},
    ]
    with Site() as friend, Site() as site:
        partner_of(new_signer(), "friend", friend.url("").rstrip("/"))
        cosigner = format_cosigner_key("rogue/witness", new_signer().public_key)
        partners.add_partner("rogue", site.url("").rstrip("/"), log.get_verifier_key(), cosigner, by="")
        serve_checkpoints(friend, forks=[*lies, 7, None])
        compare_checkpoints(services)
        assert not LogFork.objects.exists()
        for size, note in small.items():
            serve_checkpoints(
                friend, forks=[{"log": log.get_verifier_key(), "known": note, "other": large, "path": path[size]}]
            )
            assert compare_checkpoints(services)["rogue"].startswith(FORKED_LOG)
            assert LogFork.objects.get().source == "reported by friend"
            # The proof is forwarded
            assert [(fork["known"], fork["other"]) for fork in list_forks()] == [(note, large)]
            LogFork.objects.all().delete()
