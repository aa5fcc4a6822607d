"""Test the RFC 3161 anchor with the development authority and with OpenSSL's."""

import dataclasses
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import rfc3161_client
from cryptography import x509

from evidence.anchors.rfc3161 import anchor as rfc3161
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.development.authority import DevelopmentAuthority
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.clock import now
from exhibit.errors import ConfigError, IntegrityError, RefusedError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.ports import Receipt, ReceiptState
from tests.assets.timestamp_authorities import DATA, DIGEST, anchor_to

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl isn't installed")


def test_timestamp_is_complete_at_once_with_current_time(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    assert (receipt.kind, receipt.service, receipt.development) == ("rfc3161", "development", True)
    assert receipt.state is ReceiptState.COMPLETE
    assert receipt.time is not None
    assert abs(now() - receipt.time) < timedelta(minutes=5)
    anchor = anchor_to(authority.url, authority.root_pem)
    assert anchor.verify(DIGEST, receipt) == receipt.time
    assert anchor.upgrade(DIGEST, receipt) is receipt


def test_receipt_includes_certificate_chain_and_revocation_lists(receipt: Receipt) -> None:
    names = [name for name, _ in receipt.material]
    assert sum(name.startswith("certificate-") for name in names) == 3
    assert sum(name.startswith("crl-") for name in names) == 2
    assert all(b"-----BEGIN" in data for _, data in receipt.material)


@needs_openssl
def test_openssl_accepts_reply_with_all_revocation_lists(receipt: Receipt, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(DATA)
    (tmp_path / "stamp.tsr").write_bytes(receipt.proof)
    (tmp_path / "trust.pem").write_bytes(b"".join(data for _, data in receipt.material))
    command = ["openssl", "ts", "-verify", "-data", "manifest.json", "-in", "stamp.tsr", "-CAfile", "trust.pem"]
    done = subprocess.run([*command, "-crl_check_all"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout, done.stderr
    (tmp_path / "manifest.json").write_bytes(DATA + b" ")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_second_library_accepts_reply(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    root = x509.load_pem_x509_certificate(authority.root_pem)
    response = rfc3161_client.decode_timestamp_response(receipt.proof)
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(root).build()
    assert verifier.verify_message(response, DATA)


def test_replayed_reply_is_rejected(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    server = LoopbackServer()
    with server.serve(lambda _: HttpResponse(receipt.proof)), pytest.raises(IntegrityError, match="different request"):
        anchor_to(server.url, authority.root_pem).submit(DIGEST)


def test_refusal_includes_reason_of_authority(authority: DevelopmentAuthority) -> None:
    def refuse(question: HttpRequest) -> HttpResponse:
        return HttpResponse(authority.create_response(question.body[:-1]))

    server = LoopbackServer()
    with server.serve(refuse), pytest.raises(ServiceMissingError, match="request"):
        anchor_to(server.url, authority.root_pem).submit(DIGEST)


@pytest.mark.parametrize(
    "answer", [HttpResponse(b"busy", "text/plain", 503), HttpResponse(b"x" * (2 << 20)), HttpResponse(b"", status=404)]
)
def test_server_error_of_authority_is_reported_as_missing_service(
    authority: DevelopmentAuthority, answer: HttpResponse
) -> None:
    server = LoopbackServer()
    with server.serve(lambda _: answer), pytest.raises(ServiceMissingError):
        anchor_to(server.url, authority.root_pem).submit(DIGEST)


def test_unreachable_authority_is_reported_as_missing_service(authority: DevelopmentAuthority) -> None:
    server = LoopbackServer()
    server.close()
    with pytest.raises(ServiceMissingError) as raised:
        anchor_to(server.url, authority.root_pem).submit(DIGEST)
    assert raised.value.retry


def test_private_address_is_rejected(authority: DevelopmentAuthority) -> None:
    with pytest.raises(RefusedError) as raised:
        anchor_to(authority.url, authority.root_pem, guard=Guard()).submit(DIGEST)
    assert raised.value.reason == "private-address"


def test_timestamp_is_valid_without_revocation_lists(authority: DevelopmentAuthority, tmp_path: Path) -> None:
    server = LoopbackServer()
    elsewhere = DevelopmentAuthority(tmp_path, "http://127.0.0.1:9")
    with server.serve(lambda question: HttpResponse(elsewhere.create_response(question.body))):
        receipt = anchor_to(server.url, elsewhere.root_pem).submit(DIGEST)
    assert [name for name, _ in receipt.material if name.startswith("crl-")] == []


def test_missing_revocation_lists_are_added_later(tmp_path: Path) -> None:
    server, lists = LoopbackServer(), [HttpResponse(b"", status=503)]
    elsewhere = DevelopmentAuthority(tmp_path, server.url)

    def answer(question: HttpRequest) -> HttpResponse:
        return lists[0] if question.path == "/issuing.crl" and lists else elsewhere.handle_request(question)

    with server.serve(answer):
        early = anchor_to(server.url, elsewhere.root_pem).submit(DIGEST)
        later = anchor_to(server.url, elsewhere.root_pem)
        assert later.upgrade(DIGEST, early) == early
        lists.clear()
        assert later.upgrade(DIGEST, early) == early  # not requested again at once
        again = anchor_to(server.url, elsewhere.root_pem)
        whole = again.upgrade(DIGEST, early)
        assert early.time is not None
        before = dataclasses.replace(early, time=early.time - timedelta(days=20_000))
        assert again.upgrade(DIGEST, before) == before
    assert sum(name.startswith("crl-") for name, _ in early.material) == 1
    assert sum(name.startswith("crl-") for name, _ in whole.material) == 2
    assert whole.material[: len(early.material)] == early.material
    assert (whole.proof, whole.time) == (early.proof, early.time)


def test_revocation_list_is_reused_and_oversized_revocation_list_is_omitted(
    authority: DevelopmentAuthority, tmp_path: Path
) -> None:
    requested: list[str] = []
    server = LoopbackServer()
    elsewhere = DevelopmentAuthority(tmp_path, server.url)
    long = b"\x30" * (rfc3161.MAX_REVOCATION_LIST_BYTES + 1)

    def answer(question: HttpRequest) -> HttpResponse:
        requested.append(question.path)
        return HttpResponse(long) if question.path == "/root.crl" else elsewhere.handle_request(question)

    with server.serve(answer):
        anchor = anchor_to(server.url, elsewhere.root_pem)
        for _ in range(3):
            receipt = anchor.submit(DIGEST)
    assert sorted(path for path in requested if path.endswith(".crl")) == ["/issuing.crl", "/root.crl"]
    assert sum(name.startswith("crl-") for name, _ in receipt.material) == 1


def test_revocation_list_requests_are_limited(authority: DevelopmentAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rfc3161, "_list_revocation_urls", lambda _: [f"{authority.url}/{number}" for number in range(50)]
    )
    requested: list[str] = []
    monkeypatch.setattr(Rfc3161Anchor, "_fetch_revocation_list", lambda _, url: requested.append(url))
    anchor_to(authority.url, authority.root_pem).submit(DIGEST)
    assert len(requested) == rfc3161.MAX_LISTS


def test_anchor_without_roots_raises() -> None:
    for roots in ([], [b"not a certificate"]):
        with pytest.raises(ConfigError):
            anchor_to("http://127.0.0.1:9", *roots)
