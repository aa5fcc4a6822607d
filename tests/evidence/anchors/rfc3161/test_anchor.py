"""The anchor of timestamp authorities against the development authority and against openssl's."""

import dataclasses
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rfc3161_client
from asn1crypto import cms
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.anchors.rfc3161 import anchor as rfc3161
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.anchors.rfc3161.stamps import Response
from evidence.development import certificates
from evidence.development.authority import Authority, running_authority
from evidence.development.server import Answer, LoopbackServer, Question
from evidence.formats.errors import UnknownWitnessError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError, IntegrityError, RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import guarded_session
from exhibit.ports import Receipt, ReceiptState
from tests import CHECKOUT
from tests.assets.bundles import make_scene

DATA = b'{"manifest": true}'
DIGEST = Digest.of(DATA)
OPEN = Guard(allowed_networks=("127.0.0.0/8",))

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Iterator[Authority]:
    with running_authority(folder) as running:
        yield running


@pytest.fixture(scope="module")
def receipt(authority: Authority) -> Receipt:
    return anchor_to(authority.url, authority.root_pem).submit(DIGEST)


def anchor_to(url: str, *roots: bytes, guard: Guard = OPEN) -> Rfc3161Anchor:
    return Rfc3161Anchor("development", url, roots, development=True, session=guarded_session(guard, timeout=5))


def test_a_stamp_is_complete_at_once_and_close_to_now(authority: Authority, receipt: Receipt) -> None:
    assert (receipt.kind, receipt.witness, receipt.development) == ("rfc3161", "development", True)
    assert receipt.state is ReceiptState.COMPLETE
    assert receipt.time is not None
    assert abs(now() - receipt.time) < timedelta(minutes=5)
    anchor = anchor_to(authority.url, authority.root_pem)
    assert anchor.verify(DIGEST, receipt) == receipt.time
    assert anchor.upgrade(DIGEST, receipt) is receipt


def test_chain_and_revocation_lists_go_along(receipt: Receipt) -> None:
    names = [name for name, _ in receipt.material]
    assert sum(name.startswith("certificate-") for name in names) == 3
    assert sum(name.startswith("crl-") for name in names) == 2
    assert all(b"-----BEGIN" in data for _, data in receipt.material)


def test_the_certificates_say_that_they_have_no_legal_weight(authority: Authority) -> None:
    for holder in (authority.hierarchy.root, authority.hierarchy.issuing, authority.hierarchy.unit):
        assert "no legal weight" in holder.certificate.subject.rfc4514_string()


@needs_openssl
def test_openssl_accepts_the_reply_with_every_revocation_list(receipt: Receipt, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "stamp.tsr").write_bytes(receipt.proof)
    (tmp_path / "trust.pem").write_bytes(b"".join(data for _, data in receipt.material))
    command = ["openssl", "ts", "-verify", "-data", "manifest.json", "-in", "stamp.tsr", "-CAfile", "trust.pem"]
    done = subprocess.run([*command, "-crl_check_all"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout, done.stderr
    (tmp_path / "manifest.json").write_bytes(DATA + b" ")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


@needs_openssl
def test_the_documented_commands_check_a_stamp_in_an_unpacked_bundle(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "scene")
    with zipfile.ZipFile(scene.write(tmp_path / "bundle.zip")) as archive:
        archive.extractall(tmp_path / "bundle")
    page = (CHECKOUT / "docs" / "anchors.md").read_text("utf-8")
    [commands] = re.findall(r"```\n(stamp=proofs/anchors.*?)```", page, re.DOTALL)
    (tmp_path / "bundle" / "roots").mkdir()
    roots = "\n".join(text for one in scene.trust.authorities for text in one.certificates)
    (tmp_path / "bundle" / "roots" / "test-authority.pem").write_text(roots)
    commands = commands.replace("example-tsa", "test-authority")
    done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path / "bundle", capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout, done.stderr


def test_a_second_library_accepts_the_reply(authority: Authority, receipt: Receipt) -> None:
    root = x509.load_pem_x509_certificate(authority.root_pem)
    response = rfc3161_client.decode_timestamp_response(receipt.proof)
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(root).build()
    assert verifier.verify_message(response, DATA)


@needs_openssl
def test_a_reply_made_by_openssl_verifies(authority: Authority, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "serial").write_text("01")
    (tmp_path / "tsa.cnf").write_text(
        f"[tsa]\ndefault_tsa = t\n[t]\nserial = serial\nsigner_cert = {folder}/unit.pem\ncerts = {folder}/issuing.pem\n"
        f"signer_key = {folder}/unit.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\n"
        "tsa_name = yes\ness_cert_id_chain = yes\ness_cert_id_alg = sha1\nclock_precision_digits = 3\n"
    )
    ask = ["openssl", "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query"]
    answer = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
    for command in (ask, answer):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    time = rfc3161.verify_reply((tmp_path / "reply").read_bytes(), DIGEST, [authority.root_pem])
    assert abs(now() - time) < timedelta(minutes=5)


def test_a_reply_whose_certificates_are_out_of_order_verifies(authority: Authority, receipt: Receipt) -> None:
    response = Response.load(receipt.proof)
    signed = response["time_stamp_token"]["content"]
    reordered = cms.CertificateSet()
    for der in sorted((choice.dump() for choice in signed["certificates"]), reverse=True):
        reordered.append(cms.CertificateChoices.load(der))
    kept = receipt.proof
    swapped = kept.replace(signed["certificates"].contents, b"".join(choice.dump() for choice in reordered))
    assert len(swapped) == len(kept)
    assert swapped != kept
    with pytest.raises(ValueError, match="SetOrdering"):
        rfc3161_client.decode_timestamp_response(swapped)
    assert rfc3161.verify_reply(swapped, DIGEST, [authority.root_pem]) == receipt.time


def test_a_changed_byte_in_any_certificate_of_the_reply_is_noticed(authority: Authority, receipt: Receipt) -> None:
    anchor, reply = anchor_to(authority.url, authority.root_pem), receipt.proof
    held = Response.load(reply)["time_stamp_token"]["content"]["certificates"].contents
    start = reply.index(held)
    unnoticed = []
    for place in range(start, start + len(held), 7):
        changed = dataclasses.replace(receipt, proof=reply[:place] + bytes([reply[place] ^ 1]) + reply[place + 1 :])
        try:
            anchor.verify(DIGEST, changed)
        except IntegrityError:
            continue
        unnoticed.append(place - start)
    assert unnoticed == []


def test_another_digest_fails(authority: Authority, receipt: Receipt) -> None:
    with pytest.raises(IntegrityError, match="another digest"):
        rfc3161.verify_reply(receipt.proof, Digest.of(b"other"), [authority.root_pem])


def test_an_authority_of_ones_own_making_is_an_unknown_witness(authority: Authority, tmp_path: Path) -> None:
    forger = Authority(tmp_path, authority.url)
    reply = forger.stamp(rfc3161._request(DIGEST, 1))
    with pytest.raises(UnknownWitnessError, match="no pinned root"):
        rfc3161.verify_reply(reply, DIGEST, [authority.root_pem])
    with pytest.raises(UnknownWitnessError):
        rfc3161.verify_reply(reply, DIGEST, [authority.root_pem], [forger.root_pem, forger.hierarchy.issuing.pem])
    with pytest.raises(UnknownWitnessError):
        rfc3161.verify_reply(reply, DIGEST, [])


def test_a_broken_signature_is_broken_whoever_it_is_by(authority: Authority, tmp_path: Path) -> None:
    reply = bytearray(Authority(tmp_path, authority.url).stamp(rfc3161._request(DIGEST, 1)))
    signature = Response.load(bytes(reply))["time_stamp_token"]["content"]["signer_infos"][0]["signature"].native
    reply[reply.index(signature) + len(signature) - 1] ^= 1
    with pytest.raises(IntegrityError, match="signature doesn't hold") as raised:
        rfc3161.verify_reply(bytes(reply), DIGEST, [authority.root_pem])
    assert not isinstance(raised.value, UnknownWitnessError)


def test_a_missing_intermediate_is_found_among_the_material(authority: Authority) -> None:
    h = authority.hierarchy
    alone = dataclasses.replace(h, issuing=h.unit)
    lonely = object.__new__(Authority)
    lonely.url, lonely.hierarchy = authority.url, alone
    reply = lonely.stamp(rfc3161._request(DIGEST, 1))
    with pytest.raises(UnknownWitnessError):
        rfc3161.verify_reply(reply, DIGEST, [authority.root_pem])
    rfc3161.verify_reply(reply, DIGEST, [authority.root_pem], [h.issuing.pem])


def test_a_certificate_that_is_not_for_time_stamping_fails(authority: Authority) -> None:
    h = authority.hierarchy
    misused = object.__new__(Authority)
    misused.url, misused.hierarchy = authority.url, dataclasses.replace(h, unit=h.issuing)
    with pytest.raises(IntegrityError, match="chain of certificates"):
        rfc3161.verify_reply(misused.stamp(rfc3161._request(DIGEST, 1)), DIGEST, [authority.root_pem])


def test_a_certificate_that_had_expired_at_the_time_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LIFE", timedelta(hours=1))
    late = Authority(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(IntegrityError, match="chain of certificates") as raised:
        rfc3161.verify_reply(late.stamp(rfc3161._request(DIGEST, 1)), DIGEST, [late.root_pem])
    assert not isinstance(raised.value, UnknownWitnessError)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_flipped_bit_never_makes_another_statement(
    authority: Authority, receipt: Receipt, data: st.DataObject
) -> None:
    changed = bytearray(receipt.proof)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert rfc3161.verify_reply(bytes(changed), DIGEST, [authority.root_pem]) == receipt.time
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - most flips raise, those of unsigned fields don't


@given(junk=st.binary(max_size=200))
def test_bytes_that_are_no_reply_are_refused_with_a_sentence(authority: Authority, junk: bytes) -> None:
    with pytest.raises(IntegrityError):
        rfc3161.verify_reply(junk, DIGEST, [authority.root_pem])


def test_an_authority_that_answers_with_an_old_reply_is_found_out(authority: Authority, receipt: Receipt) -> None:
    server = LoopbackServer()
    with server.running(lambda _: Answer(receipt.proof)), pytest.raises(IntegrityError, match="another request"):
        anchor_to(server.url, authority.root_pem).submit(DIGEST)


def test_a_refusal_is_told_in_the_authoritys_own_words(authority: Authority) -> None:
    def refuse(question: Question) -> Answer:
        return Answer(authority.stamp(question.body[:-1]))

    server = LoopbackServer()
    with server.running(refuse), pytest.raises(ServiceMissingError, match="the request can't be read"):
        anchor_to(server.url, authority.root_pem).submit(DIGEST)


@pytest.mark.parametrize(
    "answer", [Answer(b"busy", "text/plain", 503), Answer(b"x" * (2 << 20)), Answer(b"", status=404)]
)
def test_an_authority_that_does_not_serve_is_a_missing_service(authority: Authority, answer: Answer) -> None:
    server = LoopbackServer()
    with server.running(lambda _: answer), pytest.raises(ServiceMissingError):
        anchor_to(server.url, authority.root_pem).submit(DIGEST)


def test_an_authority_that_is_not_there_is_a_missing_service(authority: Authority) -> None:
    server = LoopbackServer()
    server.close()
    with pytest.raises(ServiceMissingError) as raised:
        anchor_to(server.url, authority.root_pem).submit(DIGEST)
    assert raised.value.retry


def test_a_private_address_is_refused(authority: Authority) -> None:
    with pytest.raises(RefusedError) as raised:
        anchor_to(authority.url, authority.root_pem, guard=Guard()).submit(DIGEST)
    assert raised.value.reason == "private-address"


def test_a_stamp_stands_without_the_revocation_lists(authority: Authority, tmp_path: Path) -> None:
    server = LoopbackServer()
    elsewhere = Authority(tmp_path, "http://127.0.0.1:9")
    with server.running(lambda question: Answer(elsewhere.stamp(question.body))):
        receipt = anchor_to(server.url, elsewhere.root_pem).submit(DIGEST)
    assert [name for name, _ in receipt.material if name.startswith("crl-")] == []


def test_revocation_lists_that_could_not_be_had_are_added_while_they_hold_at_the_stamped_time(tmp_path: Path) -> None:
    server, lists = LoopbackServer(), [Answer(b"", status=503)]
    elsewhere = Authority(tmp_path, server.url)

    def answer(question: Question) -> Answer:
        return lists[0] if question.path == "/issuing.crl" and lists else elsewhere.answer(question)

    with server.running(answer):
        early = anchor_to(server.url, elsewhere.root_pem).submit(DIGEST)
        later = anchor_to(server.url, elsewhere.root_pem)
        assert later.upgrade(DIGEST, early) == early
        lists.clear()
        assert later.upgrade(DIGEST, early) == early  # not asked for again at once
        again = anchor_to(server.url, elsewhere.root_pem)
        whole = again.upgrade(DIGEST, early)
        assert early.time is not None
        before = dataclasses.replace(early, time=early.time - timedelta(days=20_000))
        assert again.upgrade(DIGEST, before) == before
    assert sum(name.startswith("crl-") for name, _ in early.material) == 1
    assert sum(name.startswith("crl-") for name, _ in whole.material) == 2
    assert whole.material[: len(early.material)] == early.material
    assert (whole.proof, whole.time) == (early.proof, early.time)


def test_a_revocation_list_serves_several_stamps_and_one_that_is_too_long_is_left_out(
    authority: Authority, tmp_path: Path
) -> None:
    asked: list[str] = []
    server = LoopbackServer()
    elsewhere = Authority(tmp_path, server.url)
    long = b"\x30" * (rfc3161.MAX_REVOCATION_LIST + 1)

    def answer(question: Question) -> Answer:
        asked.append(question.path)
        return Answer(long) if question.path == "/root.crl" else elsewhere.answer(question)

    with server.running(answer):
        anchor = anchor_to(server.url, elsewhere.root_pem)
        for _ in range(3):
            receipt = anchor.submit(DIGEST)
    assert sorted(path for path in asked if path.endswith(".crl")) == ["/issuing.crl", "/root.crl"]
    assert sum(name.startswith("crl-") for name, _ in receipt.material) == 1


def test_only_some_revocation_lists_are_asked_for_with_one_stamp(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfc3161, "_revocation_urls", lambda _: [f"{authority.url}/{number}" for number in range(50)])
    asked: list[str] = []
    monkeypatch.setattr(Rfc3161Anchor, "_revocation_list", lambda _, url: asked.append(url))
    anchor_to(authority.url, authority.root_pem).submit(DIGEST)
    assert len(asked) == rfc3161.MAX_LISTS


def test_an_anchor_without_roots_does_not_start() -> None:
    for roots in ([], [b"not a certificate"]):
        with pytest.raises(ConfigError):
            anchor_to("http://127.0.0.1:9", *roots)


def test_a_restarted_authority_keeps_its_root_and_points_to_its_new_address(tmp_path: Path) -> None:
    with running_authority(tmp_path) as first:
        root, old_url = first.root_pem, first.url
        old = first.stamp(rfc3161._request(DIGEST, 1))
    holding = LoopbackServer(int(old_url.rpartition(":")[2]))
    with running_authority(tmp_path) as second:
        assert second.root_pem == root
        assert second.url != old_url
        receipt = anchor_to(second.url, root).submit(DIGEST)
    holding.close()
    assert sum(name.startswith("crl-") for name, _ in receipt.material) == 2
    assert rfc3161.verify_reply(old, DIGEST, [root]) < datetime.now(UTC) + timedelta(seconds=2)


def test_a_damaged_folder_is_told_as_such(tmp_path: Path) -> None:
    Authority(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "root.pem").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="can't be read"):
        Authority(tmp_path, "http://127.0.0.1:9")
