"""Works that owners make public. Publishing and unpublishing a work adds a log entry."""

import secrets
from contextlib import suppress
from dataclasses import asdict

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator
from django.db import transaction
from django.db.models import Q, QuerySet

from exhibit.clock import format_rfc3339, now
from exhibit.config.config import Config
from exhibit.entries import EntryType
from exhibit.errors import RefusedError, UnreadablePictureError, is_accepted
from exhibit.pictures.iscc import compute_iscc
from exhibit.sentences import Sentence
from exhibit.types import Untyped
from registry.db.rows import update_row
from registry.log.log import submit_entry
from registry.members import samples
from registry.services.addresses import build_absolute_url
from registry.services.services import Services
from registry.works.models import Work

MAX_CONTACT_LENGTH = 300
URL_SCHEMES = {"http", "https"}


def publish_work(services: Services, work: Work, *, contact: str, by: str) -> Work:
    """Make a work public, with a contact for licences: a web address, an email address, or none.

    A work that is published again keeps its URL. The ISCC of each registered file is computed if missing; a file that
    is no longer stored or cannot be decoded has none.

    Raises:
        RefusedError: The contact is invalid, or the work was removed.
        InvalidRequestError: The owner is a sample.
    """
    samples.check_not_sample(work.owner)
    contact = normalise_contact(contact)
    for work_picture in work.work_pictures.filter(iscc={}, work__removed_at=None).select_related("picture"):
        with suppress(UnreadablePictureError):
            if work_picture.picture.digest in services.blobs:
                update_row(
                    work_picture,
                    iscc=asdict(compute_iscc(services.blobs.get(work_picture.picture.digest), services.limits)),
                )
    with transaction.atomic():
        row = Work.objects.select_for_update(of=("self",), no_key=True).select_related("owner").get(pk=work.pk)
        if row.removed_at is not None:
            raise RefusedError(Sentence("The work was removed."), reason="removed")
        if row.opened_at is not None and row.licence_contact == contact:
            return row
        name = row.public_name or secrets.token_hex(8)
        update_row(row, public_name=name, opened_at=now(), licence_contact=contact)
        _log_change(row, is_public=True, by=by)
    return row


def unpublish_work(work: Work, *, by: str) -> None:
    """Make a work private. From then on, its URL responds as if the work had never existed."""
    with transaction.atomic():
        row = Work.objects.select_for_update(of=("self",), no_key=True).select_related("owner").get(pk=work.pk)
        if row.opened_at is None:
            return
        update_row(row, opened_at=None)
        _log_change(row, is_public=False, by=by)


def find_public_work(name: str) -> Work | None:
    """Return the public work with this public name; ``None`` if it is no longer public, removed or unknown."""
    return list_public_works().select_related("owner", "registration__entry").filter(public_name=name).first()


def get_public_url(config: Config, work: Work) -> str | None:
    """Return the absolute URL of a work's public page; ``None`` if the work is not public."""
    is_public = work.opened_at is not None and work.removed_at is None
    return build_absolute_url(config, f"/id/{work.public_name}/") if is_public else None


def build_public_facts(config: Config, work: Work) -> dict[str, Untyped]:
    """Return all public data of a public work: schema.org's ImageObject as JSON-LD, with an extension.

    ``exhibit`` contains data for which schema.org has no terms: registrations at offices, the registered files with
    digests and ISCC, other claims to the picture, and the log entry with its salted commitment once it has a number.
    """
    page = get_public_url(config, work)
    url_validator = URLValidator(schemes=list(URL_SCHEMES))
    pictures = work.work_pictures.select_related("picture").order_by("pk")
    entry = getattr(work.registration, "entry", None)
    files = [{"sha256": str(row.digest), **({"iscc": row.iscc} if row.iscc else {})} for row in pictures]
    codes = [row.iscc["code"] for row in pictures if row.iscc]
    facts: dict[str, Untyped] = {
        "@context": "https://schema.org",
        "@type": "ImageObject",
        "@id": page,
        "url": page,
        "name": work.title,
        "creator": {"@type": _get_creator_type(work), "name": work.author} if work.author else None,
        "copyrightHolder": {"@type": "Thing", "name": work.holder or work.owner.name},
        "creditText": work.credit or work.author,
        "copyrightNotice": work.rights_statement,
        "datePublished": work.first_publication,
        "license": page if work.rights_statement else None,
        "acquireLicensePage": work.licence_contact
        if is_accepted(url_validator, work.licence_contact, ValidationError)
        else None,
        "identifier": [*(f"sha256:{file['sha256']}" for file in files), *codes],
    }
    extension = {
        "digests_only_stated": any(row.stated for row in pictures),
        "registered_at": format_rfc3339(work.registered_at),
        "registrations": work.registrations,
        "files": files,
        "licence_contact": work.licence_contact,
        "other_claims": [
            {
                "title": claim.title,
                "rights_holder": claim.holder or claim.owner.name,
                "registered_at": format_rfc3339(claim.registered_at),
                "url": get_public_url(config, claim),
            }
            for claim in list_other_claims(work)
        ],
        "log_entry": entry
        and {
            "sequence": entry.sequence,
            "time": format_rfc3339(entry.time),
            "commitment": bytes(entry.commitment).hex(),
        },
    }
    return {key: value for key, value in facts.items() if value} | {
        "exhibit": {name: item for name, item in extension.items() if item}
    }


def list_other_claims(work: Work) -> QuerySet[Work]:
    """Return other owners' public works with the same or nearly the same picture, earliest registration first."""
    claims = list_public_works().filter(Q(conflicts__earlier=work) | Q(pk__in=work.conflicts.values("earlier")))
    return claims.exclude(owner=work.owner_id).select_related("owner").order_by("registered_at", "pk").distinct()


def normalise_contact(contact: str) -> str:
    """Return a web or email address, or an empty string. Raise ``RefusedError`` for other texts."""
    contact = contact.strip()
    validators = (URLValidator(schemes=list(URL_SCHEMES)), EmailValidator())
    is_valid = any(is_accepted(validator, contact, ValidationError) for validator in validators)
    if contact and (len(contact) > MAX_CONTACT_LENGTH or not is_valid):
        sentence = Sentence("The contact is neither a web address nor an email address.")
        raise RefusedError(sentence, reason="contact")
    return contact


def _get_creator_type(work: Work) -> str:
    return {Work.AuthorKind.ORGANISATION: "Organization", Work.AuthorKind.PERSON: "Person"}.get(
        Work.AuthorKind(work.author_kind), "Thing"
    )


def _log_change(work: Work, *, is_public: bool, by: str) -> None:
    opening = {"owner": work.owner.slug, "work": work.number, "public": is_public}
    submit_entry(EntryType.REGISTRATION, opening, work.owner, details={"by": by, "contact": work.licence_contact})


def list_public_works() -> QuerySet[Work]:
    """Return the works that are public now. Requests without an account can access only these works."""
    return Work.objects.filter(removed_at=None).exclude(opened_at=None)
