"""Documents made on request from a sealed case: draft papers and signed copies of its exhibit sheet."""

from django.utils.translation import gettext as _

from evidence.bundle.manifest import Manifest
from evidence.documents.papers.layout import NetworkRecord, SealedFacts
from evidence.documents.papers.rendering import render_paper
from evidence.documents.signing import Authority, sign_pdf
from evidence.formats.codec import FormatError, parse_json
from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry.accounts.models import Owner
from registry.bundles.bundles import bundle_name, load_sealed_case, load_sealed_facts
from registry.bundles.models import Bundle
from registry.bundles.picture_usage import reported_files
from registry.bundles.proofs import timestamps_of
from registry.keys.signing_keys import document_key
from registry.log.anchors import get_anchor_configs
from registry.log.proofs import get_sequence
from registry.services.anchors import session_for
from registry.services.services import Services

NETWORK_ROLE = "network"
SHEET = "data/exhibit.pdf"
REASON = "Sealed with the digest {seal}"


def render_draft_document(services: Services, bundle: Bundle, kind: str, language: str = "") -> bytes:
    """Render a draft paper about a sealed bundle as PDF/A-3b.

    Args:
        services: Services with the blob store and configuration.
        bundle: The sealed bundle.
        kind: Kind of paper.
        language: Language of the paper; defaults to the one in which its kind is used.

    Raises:
        NotFoundError: The bundle is not sealed yet.
        ServiceMissingError: A font that Chinese text needs is not installed.
        WrongUseError: The kind or language is unknown.
    """
    sealed_bundle = load_sealed_case(services, bundle)
    case = SealedFacts(
        facts=load_sealed_facts(services, sealed_bundle),
        manifest=sealed_bundle.manifest,
        sequence=get_sequence(bundle.submission_id),
        witnesses=timestamps_of(bundle),
        networks=_networks(services, sealed_bundle.manifest),
        made_at=now(),
        file=bundle_name(bundle),
    )
    return render_paper(kind, case, language=language, time_zone=services.config.time_zone)


def draft_document_name(bundle: Bundle, kind: str, language: str = "") -> str:
    """Return a descriptive file name, such as ``studio-case-12-bundle-1-us-902.draft.pdf``."""
    translated = f".{language}" if language else ""
    return bundle_name(bundle, f"-{kind}.draft{translated}.pdf")


def _networks(services: Services, manifest: Manifest) -> tuple[NetworkRecord, ...]:
    """Return the network records of the captures. Removed or unreadable ones are skipped."""
    records = []
    for file in manifest.files:
        if file.role != NETWORK_ROLE or file.sha256 not in services.blobs:
            continue
        try:
            plain = parse_json(services.blobs.get(file.sha256), what=file.path)
        except FormatError:
            continue
        if isinstance(plain, dict):
            records.append(NetworkRecord(file.path, file.sha256, plain))
    return tuple(records)


def sign_exhibit_sheet(services: Services, bundle: Bundle) -> bytes:
    """Return a sealed bundle's exhibit sheet, signed with the owner's document key.

    The signature is timestamped by the first configured authority (RFC 3161); one with legal weight is preferred.

    Raises:
        NotFoundError: The sheet is missing, or shows an image that was reported as illegal.
        ServiceMissingError: The optional signing dependency is not installed, or the authority does not respond.
    """
    sealed_bundle = load_sealed_case(services, bundle)
    file = sealed_bundle.manifest.file(SHEET)
    assert file is not None
    if SHEET in reported_files(services, bundle.case.owner, sealed_bundle, load_sealed_facts(services, sealed_bundle)):
        raise NotFoundError(_("The exhibit sheet shows a picture that was reported as illegal."))
    reason = REASON.format(seal=sealed_bundle.seal.hex)
    return sign_copy(services, bundle.case.owner, services.blobs.get(file.sha256), reason)


def sign_copy(services: Services, owner: Owner, pdf: bytes, reason: str) -> bytes:
    """Sign a PDF with the owner's document key. Raises the same errors as :func:`sign_exhibit_sheet`."""
    key = document_key(services, owner)
    return sign_pdf(pdf, key, name=owner.name, reason=reason, authority=_authority(services))


def signed_sheet_name(bundle: Bundle) -> str:
    """Return a descriptive file name, such as ``studio-case-12-bundle-1-exhibit.signed.pdf``."""
    return bundle_name(bundle, "-exhibit.signed.pdf")


def _authority(services: Services) -> Authority | None:
    config = services.config
    authorities = [anchor for anchor in get_anchor_configs(services) if anchor.kind == "rfc3161"]
    if not authorities:
        return None
    first = min(authorities, key=lambda anchor: anchor.development)
    return Authority(first.urls[0], session_for(first, config.allowed_networks, services.user_agent))
