"""Assembly of bundles for download: sealed content with the timestamp receipts that exist so far."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import BinaryIO

from django.db import transaction
from django.db.models import Q

from evidence.bundle.bag import Withheld, write_bundle
from evidence.bundle.manifest import FACTS_PATH, Manifest
from evidence.bundle.sealing import TITLE_DOCUMENT, SealedCase
from evidence.facts.case import CaseFacts
from evidence.keys.ed25519 import is_valid_signature
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError, NotFoundError
from exhibit.sentences import Sentence
from registry.bundles.models import Bundle, Countersignature
from registry.bundles.picture_usage import list_reported_paths
from registry.bundles.proofs import collect_proofs
from registry.cases import history
from registry.db.rows import update_row
from registry.log.audit_log import AccessKind, EvidenceKind, log_access
from registry.log.log import submit_entry
from registry.log.models import AnchorReceipt
from registry.log.proofs import get_best_checkpoint
from registry.pictures.models import BlockedDigest, WithheldFile
from registry.services.services import Services

REPORTED_PICTURE_REASON = "A member reported a picture as illegal. Files that show it are not included."


def load_sealed_case(services: Services, bundle: Bundle) -> SealedCase:
    """Return the manifest and signature of a sealed bundle.

    Raises:
        NotFoundError: The bundle is not sealed yet.
    """
    if bundle.manifest is None or bundle.signature is None:
        values = {"bundle": bundle.number, "case": bundle.case.number}
        sentence = Sentence("Bundle %(bundle)s of case %(case)s has not been sealed yet.", **values)
        raise NotFoundError(sentence, hint=Sentence("Try again in a moment."))
    return SealedCase(Manifest.from_json(services.blobs.get(bundle.manifest)), bytes(bundle.signature))


def load_sealed_facts(services: Services, sealed_bundle: SealedCase) -> CaseFacts:
    """Load the sealed facts of a bundle."""
    file = sealed_bundle.manifest.get_file(FACTS_PATH)
    assert file is not None
    return CaseFacts.from_json(services.blobs.get(file.sha256))


def write_to_temporary_file(write: Callable[[BinaryIO], object]) -> BinaryIO:
    """Return a temporary file with the written content, positioned at its start. The caller closes it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        write(file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def write_bundle_zip(
    services: Services, bundle: Bundle, out: BinaryIO, *, without_originals: str | None = None
) -> None:
    """Write a bundle's ZIP with the proofs that exist so far.

    Files that were purged, or that show an image reported as illegal, are withheld; the bundle states this.

    Args:
        services: Services with the blob store.
        bundle: The sealed bundle.
        out: File to write to.
        without_originals: Reason for withholding originals, for a copy for the other side, or ``None``. Full-size
            registered images and the documents of the chain of title are then withheld as well. The sealed reduced
            images remain, and so do the digests of all withheld files.

    Raises:
        NotFoundError: The bundle is not sealed yet, or a sealed file is missing and no removal is recorded. A backup
            may contain it.
    """
    sealed_bundle = load_sealed_case(services, bundle)
    withheld = find_withheld_files(services, bundle, sealed_bundle, without_originals=without_originals)
    unavailable_paths = {file.path for file in sealed_bundle.manifest.files if file.sha256 not in services.blobs}
    if missing_paths := sorted(unavailable_paths.difference(() if withheld is None else withheld.files)):
        sentence = Sentence(
            "%(file)s of case %(case)s is missing, and no removal is recorded.",
            file=missing_paths[0],
            case=bundle.case.number,
        )
        raise NotFoundError(
            sentence, hint=Sentence("Ask the operator to restore the file from a backup, then try again.")
        )
    proofs = collect_proofs(services, bundle, sealed_bundle, load_sealed_facts(services, sealed_bundle))
    write_bundle(out, sealed_bundle, replace(proofs, withheld=withheld), services.blobs)


def find_withheld_files(
    services: Services, bundle: Bundle, sealed_bundle: SealedCase, *, without_originals: str | None = None
) -> Withheld | None:
    """Return the files withheld from a sealed bundle with the reasons, as in :func:`write_bundle_zip`, or None."""
    withheld = _find_purged_or_reported(services, bundle, sealed_bundle)
    if without_originals is None:
        return withheld
    originals = [
        file.path for file in sealed_bundle.manifest.files if file.stand_in is not None or file.role == TITLE_DOCUMENT
    ]
    return _merge_withheld(originals, without_originals, withheld)


def _find_purged_or_reported(services: Services, bundle: Bundle, sealed_bundle: SealedCase) -> Withheld | None:
    purged_files = find_purged_files(services, sealed_bundle)
    reported_paths = list_reported_paths(
        services, bundle.case.owner, sealed_bundle, load_sealed_facts(services, sealed_bundle)
    )
    return _merge_withheld(reported_paths, REPORTED_PICTURE_REASON, purged_files) if reported_paths else purged_files


def _merge_withheld(files: Iterable[str], reason: str, earlier: Withheld | None) -> Withheld:
    """Add files withheld for a reason to those that are already withheld."""
    earlier_files, earlier_reason = ((), "") if earlier is None else (earlier.files, earlier.reason)
    return Withheld(tuple(sorted({*files, *earlier_files})), " ".join(filter(None, (reason, earlier_reason))))


def find_purged_files(services: Services, sealed_bundle: SealedCase) -> Withheld | None:
    """Return the files that the operator has purged or withheld, with the reasons; None if there are none."""
    missing_digests = {
        file.path: file.sha256 for file in sealed_bundle.manifest.files if file.sha256 not in services.blobs
    }
    blocked = BlockedDigest.objects.filter(digest__in=missing_digests.values()).values_list("digest", "reason")
    reasons_by_digest = {digest: f"Removed by the operator: {reason}" for digest, reason in blocked}
    for withheld_file in WithheldFile.objects.filter(digest__in=missing_digests.values()):
        prefix = "Withheld from view by the operator" if withheld_file.kept else "Removed by the operator"
        reasons_by_digest.setdefault(withheld_file.digest, f"{prefix}: {withheld_file.reason}")
    paths = sorted(path for path, digest in missing_digests.items() if digest in reasons_by_digest)
    reasons = sorted({reasons_by_digest[missing_digests[path]] for path in paths})
    return Withheld(tuple(paths), " ".join(reasons)) if paths else None


def get_bundle_file_name(bundle: Bundle, suffix: str = ".zip") -> str:
    """Return a descriptive file name, such as ``studio-case-12-bundle-1.zip``."""
    return f"{bundle.case.owner.slug}-case-{bundle.case.number}-bundle-{bundle.number}{suffix}"


def store_countersignature(services: Services, bundle: Bundle, signature: bytes) -> Countersignature:
    """Store a device key's signature over a bundle's manifest and log it. Storing it again has no effect.

    Raises:
        NotFoundError: The bundle is not sealed yet.
        InvalidRequestError: The signature was not made by a valid device key of the owner.
    """
    manifest = load_sealed_case(services, bundle).manifest.to_json()
    with transaction.atomic():  # Lock the keys to serialize this with revocations.
        keys = bundle.case.owner.device_keys.select_for_update(no_key=True).filter(revoked_at=None).order_by("pk")
        key = next((key for key in keys if is_valid_signature(bytes(key.public_key), signature, manifest)), None)
        if key is None:
            sentence = f"The signature is not by a device key of {bundle.case.owner.name}, or covers another manifest."
            hint = "List keys: exhibit api GET keys. Get the manifest: exhibit api GET cases/N/bundles/N/manifest"
            raise InvalidRequestError(sentence, hint=hint)
        row, is_new = Countersignature.objects.get_or_create(bundle=bundle, key=key, defaults={"signature": signature})
        if is_new:
            opening = {"key": bytes(key.public_key).hex(), "manifest": Digest.from_bytes(manifest).hex}
            opening |= {"signature": signature.hex(), "what": "countersignature"}
            update_row(row, submission=submit_entry(EntryType.SEAL, opening, bundle.case.owner))
            phrase_values = {"number": bundle.number, "name": key.name}
            history.record_event(bundle.case, "countersigned", "", ("countersigned", phrase_values))
    return row


def is_awaiting_timestamps(bundle: Bundle) -> bool:
    """Return True if a sealed bundle is not logged yet, or the first response of a timestamp service is pending.

    A service whose query failed is not counted. It is queried again later, and its receipt is then added to the bundle.
    """
    checkpoint = get_best_checkpoint(bundle.submission_id)
    if checkpoint is None:
        return True
    receipts = AnchorReceipt.objects.filter(Q(bundle=bundle) | Q(checkpoint=checkpoint))
    return receipts.filter(proof=None, error="").exists()


def log_download(bundle: Bundle, *, by: str) -> None:
    """Log the download of a sealed bundle."""
    seal = None if bundle.seal_digest is None else bundle.seal_digest.hex
    details = {"bundle": bundle.number, "case": bundle.case.number, "seal": seal}
    log_access(EvidenceKind.BUNDLE, AccessKind.DOWNLOADED, bundle.case.owner, by=by, **details)
