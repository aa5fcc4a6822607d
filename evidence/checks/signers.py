"""Checks of who signed besides and until when a key counted: counter-signatures, and keys that were revoked."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePosixPath

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from evidence.bundle import COUNTERSIGNATURES
from evidence.checks.inspection import Inspection
from evidence.checks.proofs import UNKNOWN
from evidence.codec import FormatError
from evidence.trust import TrustedKey
from evidence.verdict import Check, State, failed, not_checked, passed
from exhibit.errors import ExhibitError, IntegrityError

MOST = 64
MAX_PEM = 4096


def check_revocation(inspection: Inspection, checks: Iterable[Check]) -> Iterator[Check]:
    """``revoked``, when the pinned sealing key has been revoked: whether a witness saw the seal before that.

    Args:
        inspection: the bundle.
        checks: those of the witnesses, with the time for the whole.
    """
    key = inspection.trust.key(inspection.manifest.key.public, "sealing")
    if key is None or key.revoked is None:
        return
    seen = next((check.time for check in checks if check.name == "time"), None)
    yield _judged("revoked", key, seen)


def check_countersignatures(inspection: Inspection, checks: Iterable[Check]) -> Iterator[Check]:
    """One ``countersignature:`` for each that the bundle holds."""
    names = [name for name in inspection.contents.names if name.startswith(COUNTERSIGNATURES)]
    stems = sorted({PurePosixPath(name).stem for name in names})
    if len(stems) > MOST or any(PurePosixPath(name).suffix not in {".pem", ".sig"} for name in names):
        yield failed("countersignatures", f"{COUNTERSIGNATURES} holds other files, or more than {MOST} signatures.")
        return
    seen = next((check.time for check in checks if check.name == "time"), None)
    for stem in stems:
        yield _check_countersignature(inspection, stem, seen)


def _check_countersignature(inspection: Inspection, stem: str, seen: datetime | None) -> Check:
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
        return _judged(name, key, seen)
    sentence = f"Ed25519 over data/manifest.json by a device key of {key.owner} holds; the owner alone holds that key."
    return Check(name, State.PASSED, sentence, development=key.label if key.development else "")


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
    try:
        public.verify(signature, inspection.manifest_bytes)
    except InvalidSignature as error:
        raise IntegrityError("The counter-signature over data/manifest.json doesn't hold.") from error
    return public.public_bytes_raw()


def _judged(name: str, key: TrustedKey, seen: datetime | None) -> Check:
    """Whether a key that was revoked had signed before: only a witness can tell, the bundle's own times can't."""
    assert key.revoked is not None
    since = f"The key was revoked at {key.revoked:%Y-%m-%d %H:%M:%S} UTC"
    if seen is None:
        return failed(name, f"{since}, and no pinned witness shows that anything of this existed before.")
    if seen >= key.revoked:
        return failed(name, f"{since}, and the earliest pinned witness is of {seen:%Y-%m-%d %H:%M:%S} UTC.")
    return passed(name, f"{since}; a pinned witness saw the seal before, at {seen:%Y-%m-%d %H:%M:%S} UTC.")
