"""Signatures in PDFs: PAdES (ETSI EN 319 142-1), with a timestamp (RFC 3161) if an authority is configured.

The signed file is a copy. The sealed PDF in a bundle stays unchanged: the signature is appended, so the sealed bytes
are the beginning of the signed ones. This needs the optional part ``pades``.
"""

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evidence.anchors.fetch import send_request
from evidence.anchors.rfc3161.stamps import get_refusal, read_reply
from evidence.keys.documents import DocumentKey
from exhibit.errors import ExhibitError, IntegrityError, ServiceMissingError
from exhibit.types import Untyped

if TYPE_CHECKING:
    from pyhanko.sign.timestamps import TimeStamper

FIELD = "ExhibitSignature"
DIGEST = "sha256"
OK = 200
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority: its URL, and the guarded session for requests."""

    url: str
    session: requests.Session


def sign_pdf(pdf: bytes, key: DocumentKey, *, name: str, reason: str, authority: Authority | None = None) -> bytes:
    """Return a copy of a PDF with an appended signature that states the signer and the reason.

    Without an authority, the signature has no timestamp.

    Raises:
        ServiceMissingError: The optional part is not installed, or the authority does not respond.
        ExhibitError: The PDF cannot be signed.
    """
    if find_spec("pyhanko") is None:
        hint = "Install it: python3 tools/bootstrap.py runtime pades"
        sentence = "Signing PDFs needs the optional part pades, which isn't installed."
        raise ServiceMissingError(sentence, hint=hint, retry=False)
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign import fields, signers
    from pyhanko.sign.timestamps import TimestampRequestError

    metadata = signers.PdfSignatureMetadata(
        field_name=FIELD, md_algorithm=DIGEST, subfilter=fields.SigSeedSubFilter.PADES, name=name, reason=reason
    )
    stamper = None if authority is None else _stamper(authority)
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        out = signers.sign_pdf(writer, metadata, signer=_signer(key), timestamper=stamper)
    except TimestampRequestError as error:  # granted with modifications, which the library rejects
        raise ServiceMissingError(f"The time-stamping authority's answer can't be used: {error}.") from error
    except (PdfError, ValueError) as error:
        raise ExhibitError(f"The PDF can't be signed: {error}.") from error
    signed: bytes = out.getvalue()
    return signed


def _signer(key: DocumentKey) -> Untyped:
    from asn1crypto import keys, x509
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    certificate = x509.Certificate.load(key.certificate.public_bytes(Encoding.DER))
    private = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call,unused-ignore]  # the optional part may be absent
    return signers.SimpleSigner(certificate, keys.PrivateKeyInfo.load(private), store)


def _check_reply(body: bytes, nonce: int, hint: str) -> None:
    try:
        reason = get_refusal(body)
        if reason is not None:
            raise ServiceMissingError(f"The time-stamping authority refused: {reason}.", hint=hint)
        if read_reply(body).nonce != nonce:
            raise ServiceMissingError("The time-stamping authority answered another request.", hint=hint)
    except IntegrityError as error:
        sentence = f"The time-stamping authority gave an answer that doesn't hold: {error.message}"
        raise ServiceMissingError(sentence, hint=hint) from error


def _stamper(authority: Authority) -> "TimeStamper":
    from asn1crypto import tsp
    from pyhanko.sign.timestamps import TimeStamper

    class Guarded(TimeStamper):  # type: ignore[misc,unused-ignore]  # the optional part has no types where it is absent
        """Requests timestamps over the guarded session.

        One for each signature, and one to learn the size of a response.
        """

        async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
            hint = "The PDF wasn't signed: its signature needs a time. Try again when the authority answers."
            try:
                status, body = send_request(authority.session, authority.url, req.dump(), _HEADERS)
            except ServiceMissingError as error:
                raise ServiceMissingError(error.message, hint=hint) from error
            if status != OK:
                raise ServiceMissingError(f"The time-stamping authority answered with status {status}.", hint=hint)
            _check_reply(body, req["nonce"].native, hint)
            return tsp.TimeStampResp.load(body)

    return Guarded()  # type: ignore[no-untyped-call,unused-ignore]  # as above
