"""Signed copies of a bundle's exhibit sheet, for whoever asks for a signature inside the PDF."""

from django.utils.translation import gettext as _

from evidence.documents.signing import Authority, sign_pdf
from exhibit.errors import NotFoundError
from registry.models import Bundle, Owner
from workers.evidence.bundles import sealed_case, sealed_facts
from workers.evidence.keys import document_key
from workers.pictures.picture_usage import reported_files
from workers.services.anchors import session_for
from workers.services.wiring import Services

SHEET = "data/exhibit.pdf"
REASON = "Sealed with the digest {seal}"


def signed_sheet(services: Services, bundle: Bundle) -> bytes:
    """The exhibit sheet of a sealed bundle with a signature of the owner's document key behind it.

    A timestamp is asked of the first authority (RFC 3161) that is configured, one with legal weight first.

    Raises:
        NotFoundError: the bundle isn't sealed yet, or its sheet has been removed, or shows what was reported.
        ServiceMissingError: the optional part isn't here, or the authority doesn't answer.
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
    case = bundle.case
    return f"{case.owner.slug}-case-{case.number}-bundle-{bundle.number}-exhibit.signed.pdf"


def _authority(services: Services) -> Authority | None:
    config = services.config
    stamping = [anchor for anchor in config.anchors if anchor.kind == "rfc3161"]
    if not stamping:
        return None
    first = min(stamping, key=lambda anchor: anchor.development)
    return Authority(first.urls[0], session_for(first, config.allowed_networks, services.user_agent))
