"""Test PDF signatures: valid for two programs, over every byte, with a timestamp, and sealed files unchanged."""

import asyncio
import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("pyhanko", reason="the optional component pades isn't installed")

from asn1crypto import core, pem, tsp, x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from evidence.development.authority import DevelopmentAuthority as TrialAuthority, run_authority
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.signing import TimestampAuthority, sign_pdf
from evidence.keys.documents import DocumentKey, generate_document_key, unlock_document_key
from exhibit.clock import now
from exhibit.errors import ExhibitError, ServiceMissingError
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from tests.assets.documents_sample import sample_case, sample_pictures
from tests.assets.site import Answer, Site

MASTER = bytes(range(32))


@pytest.fixture(scope="module")
def key() -> DocumentKey:
    document_key = generate_document_key("Lindqvist Pictures AB", "operator", MASTER, now())
    return unlock_document_key(document_key.encrypted, document_key.certificate, MASTER)


@pytest.fixture(scope="module")
def sheet() -> bytes:
    return render_exhibit_sheet(sample_case(), sample_pictures(), "en")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialAuthority]:
    with run_authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


def create_authority_client(authority: TrialAuthority) -> TimestampAuthority:
    port = int(authority.url.rsplit(":", 1)[1].strip("/"))
    guard = Guard(allowed_networks=("127.0.0.0/8",), allowed_ports=frozenset((port,)))
    return TimestampAuthority(authority.url, create_guarded_session(guard, user_agent="test"))


def validate_signature(signed: bytes, key: DocumentKey, root: bytes = b"") -> PdfSignatureStatus:
    own = x509.Certificate.load(key.certificate.public_bytes(Encoding.DER))
    roots = [own] if not root else [own, x509.Certificate.load(pem.unarmor(root)[2])]
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    checked = async_validate_pdf_signature(signature, signer_validation_context=context, ts_validation_context=context)
    status: PdfSignatureStatus = asyncio.run(checked)
    return status


def test_signature_is_valid_and_covers_whole_file(key: DocumentKey, sheet: bytes) -> None:
    status = validate_signature(sign_pdf(sheet, key, name="Lindqvist", reason="Sealed"), key)
    assert (status.intact, status.valid) == (True, True)
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE


def test_signed_file_starts_with_sealed_bytes(key: DocumentKey, sheet: bytes) -> None:
    signed = sign_pdf(sheet, key, name="Lindqvist", reason="Sealed")
    assert signed.startswith(sheet)
    assert len(signed) > len(sheet)


def test_changed_byte_is_detected(key: DocumentKey, sheet: bytes) -> None:
    signed = bytearray(sign_pdf(sheet, key, name="Lindqvist", reason="Sealed"))
    place = signed.index(b"/Type/Pages")
    signed[place + 8] ^= 1
    (signature,) = PdfFileReader(io.BytesIO(bytes(signed)), strict=False).embedded_signatures
    signature.compute_digest()
    digest = signature.signer_info["signed_attrs"]
    digest_value = next(
        attribute["values"][0].native for attribute in digest if attribute["type"].native == "message_digest"
    )
    assert signature.compute_digest() != digest_value


def test_pdf_signature_is_timestamped_by_the_authority(
    key: DocumentKey, sheet: bytes, authority: TrialAuthority
) -> None:
    signed = sign_pdf(sheet, key, name="Lindqvist", reason="Sealed", authority=create_authority_client(authority))
    status = validate_signature(signed, key, authority.root_pem)
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.intact
    assert status.timestamp_validity.valid
    assert abs((status.timestamp_validity.timestamp - now()).total_seconds()) < 300


def test_unresponsive_timestamp_authority_is_reported(key: DocumentKey, sheet: bytes) -> None:
    session = create_guarded_session(
        Guard(allowed_networks=("127.0.0.0/8",), allowed_ports=frozenset((9,))), user_agent="t"
    )
    with pytest.raises(ServiceMissingError, match="did not respond"):
        sign_pdf(sheet, key, name="L", reason="S", authority=TimestampAuthority("http://127.0.0.1:9/", session))


def test_non_pdf_is_rejected(key: DocumentKey) -> None:
    with pytest.raises(ExhibitError, match="cannot be signed"):
        sign_pdf(b"not a PDF", key, name="L", reason="S")


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="pdfsig (poppler-utils) isn't installed")
def test_pdfsig_accepts_the_signature(key: DocumentKey, sheet: bytes, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(sign_pdf(sheet, key, name="Lindqvist", reason="Sealed"))
    output = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False).stdout
    assert "Signature Validation: Signature is Valid." in output
    assert "ETSI.CAdES.detached" in output
    assert "Total document signed" in output


def test_invalid_timestamp_replies_are_reported(key: DocumentKey, sheet: bytes, authority: TrialAuthority) -> None:
    guarded = create_authority_client(authority)
    request = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)},
            "nonce": 7,
            "cert_req": True,
        }
    )
    other_reply = guarded.session.post(guarded.url, data=request.dump()).content
    refused = tsp.PKIStatusInfo({"status": "rejection", "status_string": ["too many"]})
    answers = {
        b"<html>": "not a timestamp response",
        core.Sequence.load(
            b"\x30" + bytes([len(refused.dump())]) + refused.dump()
        ).dump(): "rejected the request: too many",
        other_reply: "responded to another request",
    }
    with Site() as site:
        guard = Guard(allowed_networks=("127.0.0.0/8",), allowed_ports=frozenset((urlsplit(site.url()).port or 0,)))
        client = TimestampAuthority(site.url("/"), create_guarded_session(guard, user_agent="test"))
        for body, message in answers.items():
            site.routes["/"] = Answer(body, "application/timestamp-reply")
            with pytest.raises(ServiceMissingError, match=message):
                sign_pdf(sheet, key, name="L", reason="S", authority=client)
