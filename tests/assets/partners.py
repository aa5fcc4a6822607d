"""Partners for tests: new keys, and rows of installations that own them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.keys.ed25519 import KeySigner, derive_signer
from evidence.log.notes import format_cosigner_key, format_verifier_key
from registry.alliance import partners
from registry.models import Partner


def new_signer() -> KeySigner:
    """Return a new key in memory."""
    return KeySigner(Ed25519PrivateKey.generate())


def partner_of(signer: KeySigner, name: str = "b", url: str = "http://127.0.0.1:9") -> Partner:
    """Add a partner whose log has this key. By default no server runs at its URL."""
    log = format_verifier_key(f"{name}.example/log", signer.public_key)
    witness = format_cosigner_key(f"{name}.example/log/witness", derive_signer(signer, b"witness").public_key)
    return partners.add_partner(name, url, log, witness, by="operator")
