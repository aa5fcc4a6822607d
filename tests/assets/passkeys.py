"""A software passkey, decisions signed with it, and forged decisions."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2.attestation.packed import OID_AAGUID
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from evidence.facts.case import CaseFacts, PasskeyFacts
from evidence.facts.passkey import ASSERTION_PATH, Assertion, SignedDecision
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from tests.assets.bundles import Scene, append_entry, reseal

SITE = "exhibit.example"
MODEL = UUID("2fc0579f-8113-47ea-b116-bb5a8db9202a")
"""Device model that a manufacturer attests."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key that responds like a browser with a device. Arguments that override the defaults forge the response."""

    private_key: Any

    @property
    def public(self) -> bytes:
        return bytes(self.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def answer(
        self,
        statement: SignedDecision,
        *,
        site: str = SITE,
        origin: str = f"https://{SITE}",
        flags: int = 0x05,
        **client: Any,  # noqa: ANN401 - lies of any kind
    ) -> Assertion:
        challenge = base64.urlsafe_b64encode(statement.challenge).rstrip(b"=").decode()
        client_fields = {
            "type": "webauthn.get",
            "challenge": challenge,
            "origin": origin,
            "crossOrigin": False,
            **client,
        }
        data = hashlib.sha256(site.encode()).digest() + bytes([flags]) + (7).to_bytes(4, "big")
        client_data = json.dumps(client_fields).encode()
        signed = data + hashlib.sha256(client_data).digest()
        how = (
            (ec.ECDSA(SHA256()),)
            if isinstance(self.private_key, ec.EllipticCurvePrivateKey)
            else (PKCS1v15(), SHA256())
        )
        return Assertion(statement, self.public, data, client_data, self.private_key.sign(signed, *how))

    def registration(
        self,
        challenge: str,
        *,
        maker: "DeviceMaker | None" = None,
        form: str = "packed",
        aaguid: UUID = MODEL,
        site: str = SITE,
        origin: str = f"https://{SITE}",
    ) -> dict[str, Any]:
        """Return a browser's credential for a new passkey, with a manufacturer's attestation or the key's own."""
        client_data = json.dumps({"type": "webauthn.create", "challenge": challenge, "origin": origin}).encode()
        public = ES256.from_cryptography_key(self.private_key.public_key())  # type: ignore[no-untyped-call]
        number = hashlib.sha256(self.public).digest()
        credential = AttestedCredentialData.create(aaguid.bytes, number, public)
        data = AuthenticatorData.create(
            hashlib.sha256(site.encode()).digest(), AuthenticatorData.FLAG(0x45), 0, credential
        )
        signer, statement = self.private_key if maker is None else maker.private, {}
        signed = data + hashlib.sha256(client_data).digest()
        if form == "fido-u2f":
            point = b"\x04" + public[-2] + public[-3]
            signed = b"\0" + data.rp_id_hash + hashlib.sha256(client_data).digest() + number + point
        if form != "none":
            statement = {"alg": -7, "sig": signer.sign(signed, ec.ECDSA(SHA256()))}
            statement |= {} if maker is None else {"x5c": maker.path}
        attestation = AttestationObject.create(form, data, statement)
        response = {"clientDataJSON": websafe_encode(client_data), "attestationObject": websafe_encode(attestation)}
        name = websafe_encode(number)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}


class DeviceMaker:
    """A device manufacturer: a root, a certificate below it, and the attestation key. Each may be invalid."""

    def __init__(
        self,
        *,
        ca: bool = True,
        days: tuple[int, int] = (-9, 9),
        root: "DeviceMaker | None" = None,
        model: UUID = MODEL,
    ) -> None:
        self.root_key, middle, self.private = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = _certificate("Root", self.root_key, "Root", self.root_key, days, ca=True)
        signer = self if root is None else root
        intermediate = _certificate("Middle", middle, "Root", signer.root_key, days, ca=ca)
        leaf = _certificate("Leaf", self.private, "Middle", middle, days, ca=False, model=model)
        self.path = [certificate.public_bytes(Encoding.DER) for certificate in (leaf, intermediate)]

    @property
    def pem(self) -> bytes:
        return bytes(self.root.public_bytes(Encoding.PEM))


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_name: str,
    signer: ec.EllipticCurvePrivateKey,
    days: tuple[int, int],
    *,
    ca: bool,
    model: UUID | None = None,
) -> x509.Certificate:
    parts = {"C": "DE", "O": "Maker", "OU": "Authenticator Attestation"}
    subject, issuer = (
        x509.Name.from_rfc4514_string(",".join(f"{k}={v}" for k, v in {**parts, "CN": cn}.items()))
        for cn in (name, issuer_name)
    )
    first, last = (now() + timedelta(days=day) for day in days)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), 7, first, last)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if model is not None:
        value = x509.UnrecognizedExtension(OID_AAGUID, b"\x04\x10" + model.bytes)
        builder = builder.add_extension(value, critical=False)
    return builder.sign(signer, SHA256())


KEY, OTHER = (Passkey(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
RSA_KEY = Passkey(rsa.generate_private_key(65537, 2048))
WIDE_KEY = Passkey(ec.generate_private_key(ec.SECP384R1()))


def decision_statement(facts: CaseFacts) -> SignedDecision:
    """Return the statement that a user signs to confirm the case."""
    subject = {
        "bundle": facts.bundle, "case": facts.number, "work": facts.work.number, "party": facts.party.name,
        "pictures": [sighting.picture.digest.hex for sighting in facts.sightings],
    }  # fmt: skip
    assert facts.decision.at is not None
    moment = facts.decision.at - timedelta(seconds=9)
    return SignedDecision("confirm", facts.owner.name, subject, facts.decision.by, SITE, moment, bytes(range(32)))


Opening = dict[str, Any]


def sign_scene(
    scene: Scene,
    *,
    statement: Callable[[SignedDecision], SignedDecision] = lambda value: value,
    key: Passkey = KEY,
    assertion: Callable[[Assertion], Assertion] = lambda value: value,
    opening: Callable[[Opening], Opening] = lambda value: value,
    key_opening: Callable[[Opening], Opening] = lambda value: value,
    key_first: bool = True,
    facts: Callable[[PasskeyFacts], PasskeyFacts] = lambda value: value,
    **client: Any,  # noqa: ANN401 - lies of any kind
) -> Scene:
    """Return the scene's case, confirmed with a passkey and sealed again; each argument may forge one step."""
    signed_assertion = assertion(key.answer(statement(decision_statement(scene.facts)), **client))
    data = signed_assertion.to_json()
    digest = scene.blobs.put(data)
    registered = {"key": Digest.from_bytes(KEY.public).hex, "member": "Ann", "use": "passkey", "what": "created"}
    registered = key_opening(registered | {"key": Digest.from_bytes(key.public).hex})
    decided = opening({"case": 1, "decision": "confirmed", "assertion": digest.hex, "version": 1})
    at = scene.facts.decision.at
    entries = [(EntryType.KEY, registered, None), (EntryType.DECISION, decided, at)]
    [first, second] = [append_entry(scene.log, *entry) for entry in (entries if key_first else entries[::-1])]
    of_key, of_decision = (first, second) if key_first else (second, first)
    passkey = facts(PasskeyFacts(ASSERTION_PATH, digest, of_decision, of_key))
    return reseal(scene, replace(scene.facts, decision=replace(scene.facts.decision, passkey=passkey)))


def _change_subject(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - lies of any kind
    return {"statement": lambda statement: replace(statement, subject={**statement.subject, **changes})}


def _change_after_signing(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - lies of any kind
    """Change the statement after it was signed."""
    return {"assertion": lambda assertion: replace(assertion, statement=replace(assertion.statement, **changes))}


LIES: dict[str, dict[str, Any]] = {
    "of another act": {"statement": lambda value: replace(value, act="sign")},
    "of another decision in the entry": {"opening": lambda value: {**value, "decision": "dismissed"}},
    "of another case": _change_subject(case="C-8"),
    "of another work": _change_subject(work="W-2"),
    "of another party": _change_subject(party="other.example"),
    "of other pictures": _change_subject(pictures=["00" * 32]),
    "of pictures without a list": _change_subject(pictures=None),
    "replayed for a later bundle": _change_subject(bundle=2),
    "a bundle that is true": _change_subject(bundle=True),
    "of another owner": {"statement": lambda value: replace(value, owner="Mallory")},
    "by somebody else": {"statement": lambda value: replace(value, by="Bob")},
    "replayed later": {"statement": lambda value: replace(value, time=value.time - timedelta(minutes=5))},
    "from the future": {"statement": lambda value: replace(value, time=value.time + timedelta(minutes=6))},
    "person not verified": {"flags": 0x01},
    "person not present": {"flags": 0x04},
    "of a registration": {"flags": 0x45},
    "for another site": {"site": "other.example"},
    "asked by another site": {"origin": "https://other.example"},
    "asked by a site that ends alike": {"origin": f"https://evil{SITE}"},
    "asked without TLS": {"origin": f"http://{SITE}"},
    "asked from within another page": {"crossOrigin": True},
    "asked from within nowhere": {"crossOrigin": None},
    "a registration's answer": {"type": "webauthn.create"},
    "another challenge": {"challenge": "AAAA"},
    "by another key": {"assertion": lambda value: replace(value, key=OTHER.public)},
    "by a key that the log doesn't know": {"key_opening": lambda value: {**value, "key": "00" * 32}},
    "by another member's key": {"key_opening": lambda value: {**value, "member": "Bob"}},
    "by a key that isn't a passkey": {"key_opening": lambda value: {**value, "use": "device"}},
    "by a key that was removed": {"key_opening": lambda value: {**value, "what": "removed"}},
    "by a key that came later": {"key_first": False},
    "by a key of another kind": {"key": WIDE_KEY},
    "with a broken signature": {"assertion": lambda value: replace(value, signature=value.signature[:-1] + b"\0")},
    "with a signature that is none": {"assertion": lambda value: replace(value, signature=b"")},
    "with broken client data": {"assertion": lambda value: replace(value, client_data=value.client_data + b" ")},
    "with client data that are a list": {"assertion": lambda value: replace(value, client_data=b"[]")},
    "with short authenticator data": {"assertion": lambda value: replace(value, authenticator_data=b"\1" * 36)},
    "with a key that can't be read": {"assertion": lambda value: replace(value, key=b"0")},
    "altered: another nonce": _change_after_signing(nonce=bytes(32)),
    "altered: another site": _change_after_signing(site="other.example"),
    "with a proof of something else": {"facts": lambda value: replace(value, key=value.log)},
    "with a proof of nothing": {"facts": lambda value: replace(value, log=replace(value.log, salt=bytes(32)))},
    "in another file": {"facts": lambda value: replace(value, file="data/other.json")},
    "that the entry doesn't name": {"opening": lambda value: {**value, "assertion": None}},
    "other than the entry names": {"opening": lambda value: {**value, "assertion": "00" * 32}},
}
"""Forgeries as arguments of :func:`sign_scene`, by name; the check ``decision`` fails with each."""
