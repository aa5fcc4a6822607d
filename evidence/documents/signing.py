"""Signatures in PDFs: PAdES (ETSI EN 319 142-1), with a timestamp (RFC 3161) if an authority is configured.

The signed file is a copy. It starts with the bytes of the sealed PDF, because the signature is appended; the PDF in the
bundle is not changed. This needs the optional component ``pades``.
"""

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evidence.anchors.fetch import send_request
from evidence.anchors.rfc3161.stamps import parse_refusal, parse_response
from evidence.keys.documents import DocumentKey
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.types import Untyped

if TYPE_CHECKING:
    from pyhanko.sign.timestamps import TimeStamper

SIGNATURE_FIELD = "ExhibitSignature"
DIGEST_ALGORITHM = "sha256"
HTTP_OK = 200
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """A timestamp authority: its URL, and the guarded session for requests."""

    url: str
    session: requests.Session


def sign_pdf(
    pdf: bytes, key: DocumentKey, *, name: str, reason: str, authority: TimestampAuthority | None = None
) -> bytes:
    """Return a copy of a PDF with an appended signature that states the signer and the reason.

    Without an authority, the signature has no timestamp.

    Raises:
        ServiceMissingError: The optional component is not installed, or the authority does not respond.
        ExhibitError: The PDF cannot be signed.
    """
    if find_spec("pyhanko") is None:
        hint = "Install it: python3 tools/bootstrap.py runtime pades"
        sentence = "Signing PDFs requires the optional component pades, which is not installed."
        raise ServiceMissingError(sentence, hint=hint, retry=False)
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign import fields, signers
    from pyhanko.sign.timestamps import TimestampRequestError

    metadata = signers.PdfSignatureMetadata(
        field_name=SIGNATURE_FIELD,
        md_algorithm=DIGEST_ALGORITHM,
        subfilter=fields.SigSeedSubFilter.PADES,
        name=name,
        reason=reason,
    )
    timestamper = None if authority is None else _build_timestamper(authority)
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        out = signers.sign_pdf(writer, metadata, signer=_build_signer(key), timestamper=timestamper)
    except TimestampRequestError as error:  # the library rejects timestamps that are granted with modifications
        raise ServiceMissingError(f"The response of the timestamp authority is not valid: {error}.") from error
    except (PdfError, ValueError) as error:
        raise ExhibitError(f"The PDF cannot be signed: {error}.") from error
    signed: bytes = out.getvalue()
    return signed


def _build_signer(key: DocumentKey) -> Untyped:
    from asn1crypto import keys, x509
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    certificate = x509.Certificate.load(key.certificate.public_bytes(Encoding.DER))
    private_key = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call,unused-ignore]  # the optional component may be absent
    return signers.SimpleSigner(certificate, keys.PrivateKeyInfo.load(private_key), store)


def _check_reply(body: bytes, nonce: int, hint: str) -> None:
    try:
        reason = parse_refusal(body)
        if reason is not None:
            raise ServiceMissingError(f"The timestamp authority rejected the request: {reason}.", hint=hint)
        if parse_response(body).nonce != nonce:
            raise ServiceMissingError("The timestamp authority responded to another request.", hint=hint)
    except IntegrityError as error:
        sentence = f"The timestamp authority returned an invalid response: {error.message}"
        raise ServiceMissingError(sentence, hint=hint) from error


def _build_timestamper(authority: TimestampAuthority) -> "TimeStamper":
    from asn1crypto import tsp
    from pyhanko.sign.timestamps import TimeStamper

    class GuardedTimeStamper(TimeStamper):  # type: ignore[misc,unused-ignore]  # the optional component has no types where it is absent
        """Timestamper that sends its requests over the guarded session.

        It sends one request for each signature, and one to learn the size of a response.
        """

        async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
            hint = "The PDF was not signed, because its signature requires a timestamp. Try again later."
            try:
                status, body = send_request(authority.session, authority.url, req.dump(), _HEADERS)
            except ServiceMissingError as error:
                raise ServiceMissingError(error.message, hint=hint) from error
            if status != HTTP_OK:
                raise ServiceMissingError(f"The timestamp authority returned the status {status}.", hint=hint)
            _check_reply(body, req["nonce"].native, hint)
            return tsp.TimeStampResp.load(body)

    return GuardedTimeStamper()  # type: ignore[no-untyped-call,unused-ignore]  # as above
