"""A timestamp authority (RFC 3161) for development: its certificates state that it has no legal weight."""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from evidence.anchors.rfc3161.stamps import Response
from evidence.development.certificates import Hierarchy, Holder, open_hierarchy
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.clock import now

POLICY = "1.3.6.1.4.1.99999.1"
ACCEPTED = {"sha256": 32, "sha384": 48, "sha512": 64}
REPLY = "application/timestamp-reply"


class Authority:
    """Stamps requests as ``openssl ts -reply`` would.

    Keys and certificates are in the folder; the certificates point to the URL (without trailing slash) for revocation
    lists.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.hierarchy: Hierarchy = open_hierarchy(folder, url)

    @property
    def root_pem(self) -> bytes:
        """The root certificate for verifiers to pin."""
        return self.hierarchy.root.pem

    def answer(self, question: HttpRequest) -> HttpResponse:
        """Serve ``POST`` (a request to stamp), ``/root.pem``, ``/root.crl`` and ``/issuing.crl``."""
        if question.method == "POST":
            return HttpResponse(self.stamp(question.body), REPLY)
        files = {
            "/root.pem": HttpResponse(self.root_pem, "application/x-pem-file"),
            "/root.crl": HttpResponse(self.hierarchy.root_crl, "application/pkix-crl"),
            "/issuing.crl": HttpResponse(self.hierarchy.issuing_crl, "application/pkix-crl"),
        }
        return files.get(question.path, HttpResponse(b"not here\n", "text/plain", 404))

    def stamp(self, request: bytes) -> bytes:
        """Return a DER ``TimeStampResp`` for a DER ``TimeStampReq``; a refusal if the request cannot be served."""
        try:
            query = tsp.TimeStampReq.load(request, strict=True)
            imprint = query["message_imprint"]
            algorithm, hashed = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
            nonce, with_certificates = query["nonce"].native, query["cert_req"].native
        except (ValueError, TypeError, KeyError):
            return _create_refusal("bad_data_format", "the request can't be read")
        if algorithm not in ACCEPTED:
            return _create_refusal("bad_alg", "only SHA-256, SHA-384 and SHA-512 digests are stamped")
        if len(hashed) != ACCEPTED[algorithm]:
            return _create_refusal("bad_data_format", "the digest has a wrong length")
        token = self._create_token(_create_info(imprint, nonce), with_certificates=bool(with_certificates))
        return bytes(Response({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def _create_token(self, info: tsp.TSTInfo, *, with_certificates: bool) -> cms.ContentInfo:
        holders = [self.hierarchy.unit, self.hierarchy.issuing] if with_certificates else []
        signed = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())},
                "certificates": [cms.CertificateChoices.load(holder.der) for holder in holders],
                "signer_infos": [_signer_info(self.hierarchy.unit, info.dump())],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed})


@contextlib.contextmanager
def run_authority(folder: Path, port: int = 0) -> Iterator[Authority]:
    """Run an authority on loopback for the duration of the ``with`` block."""
    with contextlib.closing(LoopbackServer(port)) as server:
        authority = Authority(folder, server.url)
        with server.serve(authority.answer):
            yield authority


def _create_info(imprint: tsp.MessageImprint, nonce: int | None) -> tsp.TSTInfo:
    base_fields = {"version": "v1", "policy": POLICY, "message_imprint": imprint, "accuracy": {"seconds": 1}}
    fields = {**base_fields, "serial_number": secrets.randbits(63) + 1, "gen_time": now()}
    return tsp.TSTInfo(fields if nonce is None else {**fields, "nonce": nonce})


def _signer_info(unit: Holder, content: bytes) -> cms.SignerInfo:
    certificate = x509.Certificate.load(unit.der)
    certificate_id = {"cert_hash": hashlib.sha256(unit.der).digest()}
    values: dict[str, object] = {"content_type": "tst_info", "signing_certificate_v2": {"certs": [certificate_id]}}
    values["message_digest"] = hashlib.sha256(content).digest()
    attribute_list = [cms.CMSAttribute({"type": kind, "values": [value]}) for kind, value in values.items()]
    attributes = cms.CMSAttributes(attribute_list)
    sid = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
    return cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": sid}),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": unit.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
        }
    )


def _create_refusal(failure: str, sentence: str) -> bytes:
    status = {"status": "rejection", "status_string": [sentence], "fail_info": {failure}}
    return bytes(Response({"status": status}).dump())
