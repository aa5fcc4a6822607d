"""Papers of a sealed case that are made when asked for: drafts, and signed copies of its exhibit sheet."""

from django.utils.translation import gettext as _

from evidence.bundle.manifest import Manifest
from evidence.documents.papers.layout import NetworkRecord, SealedFacts
from evidence.documents.papers.rendering import render_paper
from evidence.documents.signing import Authority, sign_pdf
from evidence.formats.codec import FormatError, parse_json
from exhibit.clock import now
from exhibit.errors import NotFoundError
from registry.accounts.models import Owner
from registry.bundles.bundles import bundle_name, sealed_case, sealed_facts
from registry.bundles.models import Bundle
from registry.bundles.picture_usage import reported_files
from registry.bundles.proofs import witnesses_of
from registry.keys.signing_keys import document_key
from registry.log.anchors import get_anchor_configs
from registry.log.proofs import sequence_of
from registry.services.anchors import session_for
from registry.services.services import Services

NETWORK_ROLE = "network"
SHEET = "data/exhibit.pdf"
REASON = "Sealed with the digest {seal}"


def draft_paper(services: Services, bundle: Bundle, kind: str, language: str = "") -> bytes:
    """A draft paper about a sealed bundle as PDF/A-3b, in the language in which its kind is used if none is named.

    Raises ``NotFoundError`` before it is sealed, ``ServiceMissingError`` without a needed font for Chinese, and
    ``WrongUseError`` for an unknown kind or language.
    """
    sealed = sealed_case(services, bundle)
    case = SealedFacts(
        facts=sealed_facts(services, sealed),
        manifest=sealed.manifest,
        sequence=sequence_of(bundle.submission_id),
        witnesses=witnesses_of(bundle),
        networks=_networks(services, sealed.manifest),
        made_at=now(),
        file=bundle_name(bundle),
    )
    return render_paper(kind, case, language=language, time_zone=services.config.time_zone)


def paper_name(bundle: Bundle, kind: str, language: str = "") -> str:
    """A file name that says what it is, such as ``studio-case-12-bundle-1-us-902.draft.pdf``."""
    translated = f".{language}" if language else ""
    return bundle_name(bundle, f"-{kind}.draft{translated}.pdf")


def _networks(services: Services, manifest: Manifest) -> tuple[NetworkRecord, ...]:
    """What the captures wrote of their surroundings; what has been removed or can't be read isn't there."""
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


def signed_sheet(services: Services, bundle: Bundle) -> bytes:
    """The exhibit sheet of a sealed bundle with a signature of the owner's document key behind it.

    A timestamp is asked of the first authority (RFC 3161) that is configured, one with legal weight first. Raises
    ``NotFoundError`` for a sheet that isn't there or shows what was reported, and ``ServiceMissingError`` when the
    optional part isn't here or the authority doesn't answer.
    """
    sealed = sealed_case(services, bundle)
    file = sealed.manifest.file(SHEET)
    assert file is not None
    if SHEET in reported_files(services, bundle.case.owner, sealed, sealed_facts(services, sealed)):
        raise NotFoundError(_("The sheet shows a picture that was reported as illegal."))
    reason = REASON.format(seal=sealed.seal.hex)
    return signed_copy(services, bundle.case.owner, services.blobs.get(file.sha256), reason)


def signed_copy(services: Services, owner: Owner, pdf: bytes, reason: str) -> bytes:
    """A PDF with a signature of the owner's document key behind it; raises what :func:`signed_sheet` does."""
    key = document_key(services, owner)
    return sign_pdf(pdf, key, name=owner.name, reason=reason, authority=_authority(services))


def signed_name(bundle: Bundle) -> str:
    """A file name that says what it is, such as ``studio-case-12-bundle-1-exhibit.signed.pdf``."""
    return bundle_name(bundle, "-exhibit.signed.pdf")


def _authority(services: Services) -> Authority | None:
    config = services.config
    stamping = [anchor for anchor in get_anchor_configs(services) if anchor.kind == "rfc3161"]
    if not stamping:
        return None
    first = min(stamping, key=lambda anchor: anchor.development)
    return Authority(first.urls[0], session_for(first, config.allowed_networks, services.user_agent))
