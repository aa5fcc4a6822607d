"""Documents generated on request from a sealed case: draft documents and signed copies of its exhibit sheet."""

from django.utils.translation import gettext as _

from evidence.bundle.manifest import Manifest
from evidence.documents.drafts.layout import DraftInput, NetworkRecordFile
from evidence.documents.drafts.rendering import render_draft_pdf
from evidence.documents.signing import TimestampAuthority, sign_pdf
from evidence.formats.codec import FormatError, parse_json
from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry.accounts.models import Owner
from registry.bundles.bundles import get_bundle_file_name, load_sealed_case, load_sealed_facts
from registry.bundles.models import Bundle
from registry.bundles.picture_usage import list_reported_paths
from registry.bundles.proofs import list_bundle_timestamps
from registry.keys.signing_keys import get_document_key
from registry.log.anchors import get_anchor_configs
from registry.log.proofs import get_sequence
from registry.services.anchors import build_session
from registry.services.services import Services

NETWORK_ROLE = "network"
SHEET_PATH = "data/exhibit.pdf"
SIGNATURE_REASON = "Sealed with the digest {seal}"


def render_draft_document(services: Services, bundle: Bundle, kind: str, language: str = "") -> bytes:
    """Render a draft document about a sealed bundle as PDF/A-3b.

    Args:
        services: Services with the blob store and configuration.
        bundle: The sealed bundle.
        kind: Type of document.
        language: Language code of the document; empty for the default language of its type.

    Raises:
        NotFoundError: The bundle is not sealed yet.
        ServiceMissingError: A font for Chinese text is not installed.
        InvalidRequestError: The kind or language is unknown.
    """
    sealed_bundle = load_sealed_case(services, bundle)
    draft_input = DraftInput(
        facts=load_sealed_facts(services, sealed_bundle),
        manifest=sealed_bundle.manifest,
        sequence=get_sequence(bundle.submission_id),
        timestamps=list_bundle_timestamps(bundle),
        networks=_load_network_records(services, sealed_bundle.manifest),
        made_at=now(),
        file_name=get_bundle_file_name(bundle),
    )
    return render_draft_pdf(kind, draft_input, language=language, time_zone=services.config.time_zone)


def get_draft_file_name(bundle: Bundle, kind: str, language: str = "") -> str:
    """Return a descriptive file name, such as ``studio-case-12-bundle-1-us-902.draft.pdf``."""
    language_suffix = f".{language}" if language else ""
    return get_bundle_file_name(bundle, f"-{kind}.draft{language_suffix}.pdf")


def _load_network_records(services: Services, manifest: Manifest) -> tuple[NetworkRecordFile, ...]:
    """Load the network records of the captures. Removed and unreadable records are skipped."""
    records = []
    for file in manifest.files:
        if file.role != NETWORK_ROLE or file.sha256 not in services.blobs:
            continue
        try:
            fields = parse_json(services.blobs.get(file.sha256), label=file.path)
        except FormatError:
            continue
        if isinstance(fields, dict):
            records.append(NetworkRecordFile(file.path, file.sha256, fields))
    return tuple(records)


def sign_exhibit_sheet(services: Services, bundle: Bundle) -> bytes:
    """Return a sealed bundle's exhibit sheet, signed with the owner's document key.

    The signature is timestamped by an RFC 3161 authority. Development authorities are used only if there are no others.

    Raises:
        NotFoundError: The sheet is missing, or shows an image that was reported as illegal.
        ServiceMissingError: The optional signing dependency is not installed, or the authority does not respond.
    """
    sealed_bundle = load_sealed_case(services, bundle)
    file = sealed_bundle.manifest.get_file(SHEET_PATH)
    assert file is not None
    if SHEET_PATH in list_reported_paths(
        services, bundle.case.owner, sealed_bundle, load_sealed_facts(services, sealed_bundle)
    ):
        raise NotFoundError(_("The exhibit sheet shows a picture that was reported as illegal."))
    reason = SIGNATURE_REASON.format(seal=sealed_bundle.seal_digest.hex)
    return sign_copy(services, bundle.case.owner, services.blobs.get(file.sha256), reason)


def sign_copy(services: Services, owner: Owner, pdf: bytes, reason: str) -> bytes:
    """Sign a PDF with the owner's document key. Raises the same errors as :func:`sign_exhibit_sheet`."""
    key = get_document_key(services, owner)
    return sign_pdf(pdf, key, name=owner.name, reason=reason, authority=_select_authority(services))


def get_signed_sheet_file_name(bundle: Bundle) -> str:
    """Return a descriptive file name, such as ``studio-case-12-bundle-1-exhibit.signed.pdf``."""
    return get_bundle_file_name(bundle, "-exhibit.signed.pdf")


def _select_authority(services: Services) -> TimestampAuthority | None:
    config = services.config
    authorities = [anchor for anchor in get_anchor_configs(services) if anchor.kind == "rfc3161"]
    if not authorities:
        return None
    preferred = min(authorities, key=lambda anchor: anchor.development)
    return TimestampAuthority(preferred.urls[0], build_session(preferred, config.allowed_networks, services.user_agent))
