"""A timestamp authority (RFC 3161) for development: its certificates state that it has no legal weight."""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from evidence.anchors.rfc3161.stamps import TimestampResponse
from evidence.development.certificates import CertificateHierarchy, CertifiedKey, load_hierarchy
from evidence.development.server import HttpRequest, HttpResponse, LoopbackServer
from exhibit.clock import now

POLICY_OID = "1.3.6.1.4.1.99999.1"
DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
RESPONSE_TYPE = "application/timestamp-reply"


class DevelopmentAuthority:
    """Timestamp authority that responds as ``openssl ts -reply`` does.

    Keys and certificates are in the folder; the certificates point to the URL (without trailing slash) for revocation
    lists.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.hierarchy: CertificateHierarchy = load_hierarchy(folder, url)

    @property
    def root_pem(self) -> bytes:
        """Root certificate that verifiers pin."""
        return self.hierarchy.root.pem

    def handle_request(self, request: HttpRequest) -> HttpResponse:
        """Respond to ``POST`` (a timestamp request), ``/root.pem``, ``/root.crl`` and ``/issuing.crl``."""
        if request.method == "POST":
            return HttpResponse(self.create_response(request.body), RESPONSE_TYPE)
        files = {
            "/root.pem": HttpResponse(self.root_pem, "application/x-pem-file"),
            "/root.crl": HttpResponse(self.hierarchy.root_crl, "application/pkix-crl"),
            "/issuing.crl": HttpResponse(self.hierarchy.issuing_crl, "application/pkix-crl"),
        }
        return files.get(request.path, HttpResponse(b"not here\n", "text/plain", 404))

    def create_response(self, request: bytes) -> bytes:
        """Create a DER ``TimeStampResp`` for a DER ``TimeStampReq``; invalid requests get a refusal."""
        try:
            parsed_request = tsp.TimeStampReq.load(request, strict=True)
            imprint = parsed_request["message_imprint"]
            algorithm, digest = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
            nonce, with_certificates = parsed_request["nonce"].native, parsed_request["cert_req"].native
        except (ValueError, TypeError, KeyError):
            return _create_refusal("bad_data_format", "the request cannot be read")
        if algorithm not in DIGEST_SIZES:
            return _create_refusal("bad_alg", "only SHA-256, SHA-384 and SHA-512 digests are stamped")
        if len(digest) != DIGEST_SIZES[algorithm]:
            return _create_refusal("bad_data_format", "the digest has a wrong length")
        token = self._create_token(_create_info(imprint, nonce), with_certificates=bool(with_certificates))
        return bytes(TimestampResponse({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def _create_token(self, info: tsp.TSTInfo, *, with_certificates: bool) -> cms.ContentInfo:
        holders = [self.hierarchy.unit, self.hierarchy.issuing] if with_certificates else []
        signed_data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info.dump())},
                "certificates": [cms.CertificateChoices.load(holder.der) for holder in holders],
                "signer_infos": [_create_signer_info(self.hierarchy.unit, info.dump())],
            }
        )
        return cms.ContentInfo({"content_type": "signed_data", "content": signed_data})


@contextlib.contextmanager
def run_authority(folder: Path, port: int = 0) -> Iterator[DevelopmentAuthority]:
    """Run an authority on loopback for the duration of the ``with`` block."""
    with contextlib.closing(LoopbackServer(port)) as server:
        authority = DevelopmentAuthority(folder, server.url)
        with server.serve(authority.handle_request):
            yield authority


def _create_info(imprint: tsp.MessageImprint, nonce: int | None) -> tsp.TSTInfo:
    base_fields = {"version": "v1", "policy": POLICY_OID, "message_imprint": imprint, "accuracy": {"seconds": 1}}
    fields = {**base_fields, "serial_number": secrets.randbits(63) + 1, "gen_time": now()}
    return tsp.TSTInfo(fields if nonce is None else {**fields, "nonce": nonce})


def _create_signer_info(unit: CertifiedKey, content: bytes) -> cms.SignerInfo:
    certificate = x509.Certificate.load(unit.der)
    certificate_id = {"cert_hash": hashlib.sha256(unit.der).digest()}
    values: dict[str, object] = {"content_type": "tst_info", "signing_certificate_v2": {"certs": [certificate_id]}}
    values["message_digest"] = hashlib.sha256(content).digest()
    attribute_list = [cms.CMSAttribute({"type": name, "values": [value]}) for name, value in values.items()]
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
    return bytes(TimestampResponse({"status": status}).dump())
