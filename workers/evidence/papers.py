"""Draft papers of a sealed case, from its bundle and what has grown around it."""

from evidence.bundle.manifest import Manifest
from evidence.documents.papers.layout import NetworkRecord, SealedFacts
from evidence.documents.papers.rendering import render_paper
from evidence.formats.codec import FormatError, parse_json
from exhibit.clock import now
from registry.models import Bundle, LogEntry
from workers.evidence.bundles import sealed_case, sealed_facts
from workers.log.proofs import witnesses_of
from workers.services.wiring import Services

NETWORK_ROLE = "network"


def draft_paper(services: Services, bundle: Bundle, kind: str, language: str = "") -> bytes:
    """A draft paper about a sealed bundle as PDF/A-3b, in the language in which its kind is used if none is named.

    Raises:
        NotFoundError: the bundle isn't sealed yet.
        ServiceMissingError: no font with Chinese characters is here, and the language needs one.
        WrongUseError: there is no such paper or language.
    """
    sealed = sealed_case(services, bundle)
    entry = LogEntry.objects.filter(submission=bundle.submission_id).first()
    case = SealedFacts(
        facts=sealed_facts(services, sealed),
        manifest=sealed.manifest,
        sequence=None if entry is None else entry.sequence,
        witnesses=witnesses_of(bundle),
        networks=_networks(services, sealed.manifest),
        made_at=now(),
    )
    return render_paper(kind, case, language=language, time_zone=services.config.time_zone)


def paper_name(bundle: Bundle, kind: str, language: str = "") -> str:
    """A file name that says what it is, such as ``studio-case-12-bundle-1-us-902.draft.pdf``."""
    case = bundle.case
    translated = f".{language}" if language else ""
    return f"{case.owner.slug}-case-{case.number}-bundle-{bundle.number}-{kind}.draft{translated}.pdf"


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
