"""A local push service like that of a browser vendor, with browsers that decrypt the messages (RFC 8030)."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests.adapters
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exhibit.clock import now
from tests.assets.tls import CertificateHolder
from tests.assets.webhook_receiver import MessageReceiver

CURVE = ec.SECP256R1()


def decode_base64url(text: str) -> bytes:
    """Decode base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode_base64url(data: bytes) -> str:
    """Encode bytes as browsers do."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def derive_key(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Derive a key by HKDF with SHA-256 (RFC 5869)."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


@dataclass(eq=False)
class Subscriber:
    """Simulated browser, which subscribes to a site's push messages and decrypts them (RFC 8291, 3)."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = b"sixteen bytes it"

    @property
    def public(self) -> bytes:
        """Public key as an uncompressed point."""
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def subscription(self) -> dict[str, str]:
        """Subscription as the page sends it."""
        return {"endpoint": self.endpoint, "p256dh": encode_base64url(self.public), "auth": encode_base64url(self.auth)}

    def decrypt(self, body: bytes) -> bytes:
        """Decrypt a message."""
        salt, size, idlen = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, ciphertext = body[21 : 21 + idlen], body[21 + idlen :]
        assert len(ciphertext) <= size
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
        secret = derive_key(shared, self.auth, b"WebPush: info\0" + self.public + sender, 32)
        key = derive_key(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        opened = AESGCM(key).decrypt(derive_key(secret, salt, b"Content-Encoding: nonce\0", 12), ciphertext, None)
        message, mark = opened.rstrip(b"\0")[:-1], opened.rstrip(b"\0")[-1:]
        assert mark == b"\x02"  # delimiter of the last record
        return message


class PushService(MessageReceiver):
    """A server that verifies the sender, stores messages and responds with the configured status."""

    status = 201

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, CertificateHolder.create("authority of the tests")
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(self.authority.pem)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__()
        self.url = f"https://127.0.0.1:{self.server.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Store a message with its path."""
        self.got.append((path, headers, body))

    def listening(self) -> ThreadingHTTPServer:
        """Return the server, behind TLS."""
        server = super().listening()
        served = CertificateHolder.create("127.0.0.1", self.authority).server_context(self.folder)
        server.socket = served.wrap_socket(server.socket, server_side=True)
        return server

    def subscriber(self, name: str = "a") -> Subscriber:
        """Return a browser that is subscribed to this service."""
        return Subscriber(f"{self.url}/push/{name}")

    def claims(self, headers: dict[str, str]) -> dict[str, Any]:
        """Verify the sender's signature with its key and return its claims (RFC 8292)."""
        scheme, _, rest = headers["Authorization"].partition(" ")
        assert scheme == "vapid"
        parameters = dict(part.strip().split("=", 1) for part in rest.split(","))
        head, claims, signature = parameters["t"].split(".")
        r, s = (
            int.from_bytes(half, "big") for half in (decode_base64url(signature)[:32], decode_base64url(signature)[32:])
        )
        assert json.loads(decode_base64url(head)) == {"typ": "JWT", "alg": "ES256"}
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decode_base64url(parameters["k"]))
        key.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        payload: dict[str, Any] = json.loads(decode_base64url(claims))
        assert payload["aud"] == self.url
        assert 0 < payload["exp"] - now().timestamp() <= 24 * 3600
        return payload


@pytest.fixture
def push_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    """A push service whose certificate this process trusts."""
    service = PushService(tmp_path)
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(service.roots))
    yield service
    service.close()
