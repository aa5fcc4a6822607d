"""Test captures over TLS: the certificates that a server presented, and untrusted ones."""

import base64
import datetime as dt
import hashlib
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from evidence.capture.network_record import list_certificates
from evidence.capture.visitor import Visit, VisitStep
from exhibit.network.http import ConnectionFacts
from tests.assets.exact_site import PAGE, PICTURE, Site, answer, capture, file, network


@pytest.fixture
def create_certificate(tmp_path: Path) -> Callable[[], tuple[ssl.SSLContext, Path, bytes]]:
    """A factory of self-signed certificates for 127.0.0.1: context, PEM, DER."""

    def make() -> tuple[ssl.SSLContext, Path, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
        begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + dt.timedelta(days=9))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "site.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        (tmp_path / "site.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, tmp_path / "site.key")
        return context, path, certificate.public_bytes(Encoding.DER)

    return make


def test_certificate_chain_is_recorded(create_certificate: Callable[[], tuple[ssl.SSLContext, Path, bytes]]) -> None:
    context, path, der = create_certificate()
    with Site(context).running() as site:
        site.answers = {"/shop": answer(PAGE), "/red%20one.png": answer(PICTURE)}
        captured = capture(site, ca_bundle=path)
    assert captured.outcome == "captured"
    assert answer(PICTURE) in file(captured, "exchange")
    tls = network(captured)["exchanges"][0]["tls"]
    assert tls["version"].startswith("TLSv1")
    chain = [(base64.b64decode(each["der"]), each["sha256"], each["subject"]) for each in tls["chain"]]
    assert chain == [(der, hashlib.sha256(der).hexdigest(), "CN=shop")]


def test_certificate_of_unknown_version_is_recorded_as_unreadable(
    create_certificate: Callable[[], tuple[ssl.SSLContext, Path, bytes]],
) -> None:
    _, _, der = create_certificate()
    strange = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1)
    connection = ConnectionFacts("shop", (), "203.0.113.5", 443, "TLSv1.3", None, (strange,))
    moment = dt.datetime.now(dt.UTC)
    step = VisitStep("https://shop/", 200, (), moment, moment, connection)
    (described,) = list_certificates([Visit("https://shop/", (step,))])
    assert (described["unreadable"], base64.b64decode(described["der"])) == (True, strange)


def test_untrusted_certificate_ends_visit(
    create_certificate: Callable[[], tuple[ssl.SSLContext, Path, bytes]],
) -> None:
    context, _, _ = create_certificate()
    with Site(context).running() as site:
        captured = capture(site)
        assert site.asked == []
    assert (captured.outcome, "certificate could not be verified" in captured.sentence) == ("unreachable", True)
