"""Test that changed bytes, other digests and files that are not timestamps are refused with a message."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from evidence.anchors.rfc3161 import stamps as rfc3161
from evidence.anchors.rfc3161.anchor import create_request
from evidence.anchors.rfc3161.stamps import TimestampResponse
from evidence.development.authority import DevelopmentAuthority
from evidence.formats.errors import UntrustedIssuerError
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt
from tests.assets.timestamp_authorities import DATA, DIGEST
from tests.evidence.anchors.rfc3161.test_anchor import needs_openssl


@needs_openssl
def test_reply_created_by_openssl_verifies(authority: DevelopmentAuthority, folder: Path, tmp_path: Path) -> None:
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
    time = rfc3161.verify_response((tmp_path / "reply").read_bytes(), DIGEST, [authority.root_pem])
    assert abs(now() - time) < timedelta(minutes=5)


def test_reply_for_other_digest_fails(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    with pytest.raises(IntegrityError, match="different digest"):
        rfc3161.verify_response(receipt.proof, Digest.from_bytes(b"other"), [authority.root_pem])


def test_broken_signature_is_reported_before_unknown_issuer(authority: DevelopmentAuthority, tmp_path: Path) -> None:
    reply = bytearray(DevelopmentAuthority(tmp_path, authority.url).create_response(create_request(DIGEST, 1)))
    signature = TimestampResponse.load(bytes(reply))["time_stamp_token"]["content"]["signer_infos"][0][
        "signature"
    ].native
    reply[reply.index(signature) + len(signature) - 1] ^= 1
    with pytest.raises(IntegrityError, match="signature") as raised:
        rfc3161.verify_response(bytes(reply), DIGEST, [authority.root_pem])
    assert not isinstance(raised.value, UntrustedIssuerError)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_flipped_bit_in_reply_never_changes_the_time(
    authority: DevelopmentAuthority, receipt: Receipt, data: st.DataObject
) -> None:
    changed = bytearray(receipt.proof)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert rfc3161.verify_response(bytes(changed), DIGEST, [authority.root_pem]) == receipt.time
    except IntegrityError as error:
        assert error.message.endswith(".")  # noqa: PT017 - flips in unsigned fields don't raise


@given(junk=st.binary(max_size=200))
def test_malformed_reply_is_rejected(authority: DevelopmentAuthority, junk: bytes) -> None:
    with pytest.raises(IntegrityError):
        rfc3161.verify_response(junk, DIGEST, [authority.root_pem])
