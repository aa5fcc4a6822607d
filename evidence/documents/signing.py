"""Signatures inside PDFs: PAdES (ETSI EN 319 142-1), with a timestamp (RFC 3161) where an authority is there.

The signed file is a copy. What is sealed in a bundle stays as it is: the signature is added behind it, so the sealed
bytes are the beginning of the signed ones. Needs the optional part ``pades``.
"""

import io
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evidence.anchors.fetch import ask
from evidence.anchors.rfc3161.stamps import read_reply, refusal
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
    """A time-stamping authority to ask: where, and over which guarded session."""

    url: str
    session: requests.Session


def sign_pdf(pdf: bytes, key: DocumentKey, *, name: str, reason: str, authority: Authority | None = None) -> bytes:
    """A copy of a PDF, which the result begins with, with a signature behind it that states who signs and why.

    Without an authority there is no timestamp over the signature. Raises ``ServiceMissingError`` when the optional part
    isn't here or the authority doesn't answer, another ``ExhibitError`` when the PDF can't be signed.
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
    except TimestampRequestError as error:  # granted with modifications, which the library doesn't take
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
        reason = refusal(body)
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
        """Asks over the guarded session, once for each signature and once for the size of an answer."""

        async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
            hint = "The PDF wasn't signed: its signature needs a time. Try again when the authority answers."
            try:
                status, body = ask(authority.session, authority.url, req.dump(), _HEADERS)
            except ServiceMissingError as error:
                raise ServiceMissingError(error.message, hint=hint) from error
            if status != OK:
                raise ServiceMissingError(f"The time-stamping authority answered with status {status}.", hint=hint)
            _check_reply(body, req["nonce"].native, hint)
            return tsp.TimeStampResp.load(body)

    return Guarded()  # type: ignore[no-untyped-call,unused-ignore]  # as above
