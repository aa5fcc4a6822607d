"""Checks of who signed besides and until when a key counted: counter-signatures, and keys that were revoked."""

import re
from collections.abc import Iterator
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from evidence.bundle.bag import COUNTERSIGNATURES
from evidence.formats.codec import FormatError
from evidence.formats.errors import UnknownWitnessError
from evidence.keys.ed25519 import holds
from evidence.verdict.result import Check, checked, expect, failed, not_checked, passed, second
from evidence.verify.checks.inspection import Inspection

MAX_KEYS = 64
_NAME = re.compile(r"([0-9a-f]{16})\.(?:pem|sig)")
MAX_PEM = 4096


def check_revocation(inspection: Inspection, logged: datetime | None) -> Iterator[Check]:
    """``revoked``, when the pinned sealing key has been revoked: whether the log held the signature before that.

    ``logged`` is the earliest time by which a witness shows that it held the seal with its signature.
    """
    key = inspection.trust.key(inspection.manifest.key.public, "sealing")
    if key is not None and key.revoked is not None:
        yield _judged(key.revoked, logged)


def check_countersignatures(inspection: Inspection) -> Iterator[Check]:
    """One ``countersignature:`` for each that the bundle holds."""
    names = [name for name in inspection.contents.names if name.startswith(COUNTERSIGNATURES)]
    stems = {match[1] for name in names if (match := _NAME.fullmatch(name.removeprefix(COUNTERSIGNATURES)))}
    if len(stems) > MAX_KEYS or any(not _NAME.fullmatch(name.removeprefix(COUNTERSIGNATURES)) for name in names):
        yield failed("countersignatures", f"{COUNTERSIGNATURES} holds other files, or more than {MAX_KEYS} signatures.")
        return
    for stem in sorted(stems):
        name = f"countersignature:{stem}"
        yield checked(name, _countersignature, inspection, name, stem)


def _countersignature(inspection: Inspection, name: str, stem: str) -> Check:
    key = inspection.trust.key(_signer(inspection, stem), "device")
    if key is None:
        raise UnknownWitnessError(f"it holds, but no owner is pinned with the device key {stem}.")
    other = f"The device key is pinned as that of {key.owner}, not of the owner in the manifest."
    expect(key.owner == inspection.manifest.matter.owner, other)
    if key.revoked is not None:
        since = f"The device key was revoked at {second(key.revoked)}"
        return not_checked(name, f"{since}, and nothing in the bundle shows when this was signed.")
    sentence = f"Ed25519 over data/manifest.json by a device key of {key.owner} holds; the owner alone holds that key."
    return passed(name, sentence, key.owner, key.label * key.development)


def _signer(inspection: Inspection, stem: str) -> bytes:
    """The public key, 32 bytes, by which a counter-signature holds; raises ``FormatError``."""
    pem = inspection.read(f"{COUNTERSIGNATURES}{stem}.pem", MAX_PEM)
    signature = inspection.read(f"{COUNTERSIGNATURES}{stem}.sig", 64)
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError(f"{COUNTERSIGNATURES}{stem}.pem can't be read.") from error
    if not isinstance(public, Ed25519PublicKey):
        raise FormatError("The key isn't an Ed25519 key.")
    raw = public.public_bytes_raw()
    good = holds(raw, signature, inspection.manifest_bytes)
    expect(good, "The counter-signature over data/manifest.json doesn't hold.")
    expect(raw.hex()[:16] == stem, f"{COUNTERSIGNATURES}{stem}.pem is another key than its name says.")
    return raw


def _judged(revoked: datetime, logged: datetime | None) -> Check:
    """Whether a key that was revoked had signed before: only a witness can tell, the bundle's own times can't."""
    since = f"The key was revoked at {second(revoked)}"
    if logged is None:
        return failed("revoked", f"{since}, and no pinned witness shows that the log held the signature before.")
    if logged >= revoked:
        return failed("revoked", f"{since}, and the earliest pinned witness of the log is of {second(logged)}.")
    return passed("revoked", f"{since}; a pinned witness saw the log with the signature before, at {second(logged)}.")
