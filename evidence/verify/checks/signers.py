"""Checks of who signed besides and until when a key counted: counter-signatures, and keys that were revoked."""

import re
from collections.abc import Iterator
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from evidence.bundle.bag import COUNTERSIGNATURES
from evidence.formats.codec import FormatError
from evidence.keys.ed25519 import holds
from evidence.verdict.result import Check, State, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.proofs import UNKNOWN
from exhibit.errors import ExhibitError, IntegrityError

MAX_KEYS = 64
_NAME = re.compile(r"([0-9a-f]{16})\.(?:pem|sig)")
MAX_PEM = 4096


def check_revocation(inspection: Inspection, logged: datetime | None) -> Iterator[Check]:
    """``revoked``, when the pinned sealing key has been revoked: whether the log held the signature before that.

    Args:
        inspection: the bundle.
        logged: the earliest time by which a witness shows that the log held the seal with its signature.
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
        yield _check_countersignature(inspection, stem)


def _check_countersignature(inspection: Inspection, stem: str) -> Check:
    name = f"countersignature:{stem}"
    try:
        public = _signer(inspection, stem)
    except ExhibitError as error:
        return failed(name, error.message)
    key = inspection.trust.key(public, "device")
    if key is None:
        return not_checked(name, f"{UNKNOWN}: it holds, but no owner is pinned with the device key {stem}.")
    if key.owner != inspection.manifest.matter.owner:
        return failed(name, f"The device key is pinned as that of {key.owner}, not of the owner in the manifest.")
    if key.revoked is not None:
        since = f"The device key was revoked at {_shown(key.revoked)}"
        return not_checked(name, f"{since}, and nothing in the bundle shows when this was signed.")
    sentence = f"Ed25519 over data/manifest.json by a device key of {key.owner} holds; the owner alone holds that key."
    return Check(name, State.PASSED, sentence, development=key.label if key.development else "", by=key.owner)


def _signer(inspection: Inspection, stem: str) -> bytes:
    """The public key, 32 bytes, by which a counter-signature holds; raises ``FormatError`` or ``IntegrityError``."""
    pem = inspection.read(f"{COUNTERSIGNATURES}{stem}.pem", MAX_PEM)
    signature = inspection.read(f"{COUNTERSIGNATURES}{stem}.sig", 64)
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FormatError(f"{COUNTERSIGNATURES}{stem}.pem can't be read.") from error
    if not isinstance(public, Ed25519PublicKey):
        raise FormatError("The key isn't an Ed25519 key.")
    if not holds(public.public_bytes_raw(), signature, inspection.manifest_bytes):
        raise IntegrityError("The counter-signature over data/manifest.json doesn't hold.")
    if public.public_bytes_raw().hex()[:16] != stem:
        raise FormatError(f"{COUNTERSIGNATURES}{stem}.pem is another key than its name says.")
    return public.public_bytes_raw()


def _judged(revoked: datetime, logged: datetime | None) -> Check:
    """Whether a key that was revoked had signed before: only a witness can tell, the bundle's own times can't."""
    since = f"The key was revoked at {_shown(revoked)}"
    if logged is None:
        return failed("revoked", f"{since}, and no pinned witness shows that the log held the signature before.")
    if logged >= revoked:
        return failed("revoked", f"{since}, and the earliest pinned witness of the log is of {_shown(logged)}.")
    return passed("revoked", f"{since}; a pinned witness saw the log with the signature before, at {_shown(logged)}.")


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
