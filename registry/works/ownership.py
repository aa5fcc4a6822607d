"""Ownership warnings: facts that may weaken an owner's claim to a work. They are recorded; members decide.

An earlier registration by another owner is a :class:`~registry.models.RegistrationConflict`; the rest are remarks.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.utils.translation import gettext as _

from evidence.facts.provenance import extract_authors, read_provenance
from exhibit.clock import format_rfc3339, now
from exhibit.errors import InvalidRequestError
from exhibit.pictures.decode import Limits
from exhibit.pictures.metadata import read_metadata
from registry.db.rows import get_next_number, lock_row
from registry.log.audit_log import log_change
from registry.works.copyright_terms import Dates, TermResult, TermStatus, assess_dates
from registry.works.models import OwnershipRemark, Work, WorkChange

Kind = OwnershipRemark.Kind
Warnings = Mapping[str, Mapping[str, Any]]
"""Ownership warnings of a work by the kind of remark or :data:`EARLIER`, as JSON values."""
EARLIER = "earlier"
PROBLEMS = "problems"
"""Key in a work's ``metadata`` for the parts that could not be read, as ``MetadataProblem``."""

_MANIFEST_SIGNATURE = b"jumb"
_IGNORED_WORDS = {
    "c", "copyright", "by", "photo", "photos", "photograph", "photographs", "photographer",
    "image", "images", "picture",
    "all", "rights", "reserved", "the", "and", "for", "of", "courtesy", "via", "credit", "版权所有", "摄影", "图",
}  # fmt: skip
_DEDICATION = re.compile(r"public\s*domain|publicdomain|\bcc0\b|no known copyright|公有领域|公共领域", re.IGNORECASE)
_NEGATED_DEDICATION = re.compile(r"not (in )?(the )?public\s*domain", re.IGNORECASE)


def read_file_statements(data: bytes, picture_format: str, limits: Limits) -> dict[str, Any]:
    """Read a picture file's statements about itself as JSON: metadata with its problems, and C2PA authors."""
    metadata = read_metadata(data, limits)
    statements: dict[str, Any] = dict(metadata.as_dict())
    if metadata.problems:
        statements[PROBLEMS] = [asdict(problem) for problem in metadata.problems]
    if _MANIFEST_SIGNATURE in data:
        provenance = read_provenance(data, picture_format)
        if provenance is not None and (authors := extract_authors(provenance[1])):
            statements["manifest"] = {"authors": list(authors), "standing": provenance[0].standing}
    return statements


def record_remarks(work: Work, *, by: str = "", is_new: bool = False) -> list[OwnershipRemark]:
    """Record warnings about the current declaration. Call this in the transaction that registers or changes the work.

    A remark without a reply that no longer applies is deleted; one with a reply is retained. If the details of a remark
    with a reply change, the remark is open again.
    """
    current_warnings = find_warnings(work)
    remarks = {} if is_new else {remark.kind: remark for remark in work.remarks.all()}
    for kind, remark in remarks.items():
        if kind not in current_warnings and remark.answered_at is None:
            remark.delete()
    new_remarks = []
    for kind, details in current_warnings.items():
        previous_remark = remarks.get(kind)
        if previous_remark is not None and previous_remark.details == details:
            continue
        cleared_reply: dict[str, Any] = {"reason": "", "answered_by": "", "answered_at": None}
        values = {"details": details, "noted_at": now(), **cleared_reply}
        new_remarks.append(OwnershipRemark.objects.update_or_create(work=work, kind=kind, defaults=values)[0])
    if new_remarks:
        log_details = {"found": {remark.kind: remark.details for remark in new_remarks}, "work": work.number}
        log_change("ownership check", by=by, owner=work.owner, details=log_details)
    return new_remarks


def record_reply(remark: OwnershipRemark, *, by: str, reason: str) -> None:
    """Record why a remark does not invalidate the claim; raises ``InvalidRequestError`` without a reason."""
    if not reason:
        hint = _("Explain what you know, for example about a contract, a date or a mix-up of names.")
        raise InvalidRequestError(_("Enter a reason."), hint=hint)
    with lock_row(remark.work.owner):
        remarks = OwnershipRemark.objects.filter(pk=remark.pk, details=remark.details)
        remarks.update(reason=reason, answered_by=by, answered_at=now())
        add_change(remark.work, "answered", {"remark": remark.kind}, by=by, reason=reason)
        log_details = {"reason": reason, "remark": remark.kind, "work": remark.work.number}
        log_change("ownership remark answered", by=by, owner=remark.work.owner, details=log_details)


def assess_terms(work: Work) -> tuple[TermResult, ...]:
    """Return the results of the copyright term rules for the work's dates, country by country."""
    is_photograph = {Work.Medium.PHOTOGRAPH: True, Work.Medium.OTHER: False}.get(Work.Medium(work.medium))
    creation_year, publication_year = _parse_year(work.created), _parse_year(work.first_publication)
    dates = Dates(work.author_kind, work.author_died, creation_year, publication_year, is_photograph)
    return assess_dates(dates, now().year)


def find_warnings(work: Work) -> dict[str, dict[str, Any]]:
    """Return warnings about the declaration, by the kind of remark."""
    warnings: dict[str, dict[str, Any]] = {}
    own_names = [work.author, work.holder, work.owner.name, work.credit]
    file_values = {name: work.metadata.get(name, "") for name in ("author", "credit", "rights", "holder")}
    mismatches = {name: text for name, text in file_values.items() if text and not is_any_name(text, own_names)}
    if mismatches:
        warnings[Kind.CREDIT] = {"stated": mismatches}
    manifest: Mapping[str, Any] = work.metadata.get("manifest", {})
    other_authors = [name for name in manifest.get("authors", []) if not is_any_name(name, own_names)]
    if other_authors:
        warnings[Kind.MANIFEST] = {"stated": other_authors, "standing": manifest.get("standing", "")}
    expired_countries = [result.country for result in assess_terms(work) if result.status == TermStatus.EXPIRED]
    if expired_countries:
        warnings[Kind.TERM] = {"countries": expired_countries}
    texts = {"rights_statement": work.rights_statement}
    texts |= {name: work.metadata.get(name, "") for name in ("rights", "licence")}
    dedications = {
        name: text for name, text in texts.items() if _DEDICATION.search(text) and not _NEGATED_DEDICATION.search(text)
    }
    if dedications:
        warnings[Kind.DEDICATION] = {"stated": dedications}
    return warnings


def list_warnings(work: Work) -> Warnings:
    """Return the open warnings about the declaration, and an earlier registration by another owner.

    Nothing is written. The work's owner, remarks and conflicts should be prefetched.
    """
    answered_details = {remark.kind: remark.details for remark in work.remarks.all() if remark.answered_at is not None}
    warnings = {
        str(kind): details for kind, details in find_warnings(work).items() if answered_details.get(kind) != details
    }
    earliest = min(work.conflicts.all(), key=lambda conflict: conflict.earlier_registered_at, default=None)
    if earliest is not None:
        warnings[EARLIER] = {"alike": earliest.kind, "registered_at": format_rfc3339(earliest.earlier_registered_at)}
    return warnings


def is_any_name(text: str, names: Iterable[str]) -> bool:
    """Return True if a text may name one of these persons or organisations, or contains no name.

    Names match if the words of one are among those of the other; a single letter stands for a word that starts with it.
    Chinese, Japanese and Korean names have no spaces, so one has to be part of the other.
    """
    words = _split_words(text)
    return not words or any(_is_same_name(words, other_words) for name in names if (other_words := _split_words(name)))


def _split_words(text: str) -> set[str]:
    normalised = unicodedata.normalize("NFKD", text).casefold()
    normalised = "".join(char for char in normalised if not unicodedata.combining(char))
    return {word for word in re.findall(r"[^\W\d_]+", normalised) if word not in _IGNORED_WORDS}


def _is_same_name(first: set[str], second: set[str]) -> bool:
    shorter_name, longer_name = sorted((first, second), key=len)
    return all(any(_is_same_word(word, other_word) for other_word in longer_name) for word in shorter_name)


def _is_same_word(word: str, other_word: str) -> bool:
    if min(len(word), len(other_word)) == 1:
        return word[0] == other_word[0]
    if not word.isascii() and not other_word.isascii():
        return word in other_word or other_word in word
    return word == other_word


def add_change(work: Work, kind: str, details: Mapping[str, Any], *, by: str, reason: str = "") -> WorkChange:
    """Add an entry to a work's history. The caller must hold the lock of its owner."""
    number = get_next_number(work.changes)
    return work.changes.create(number=number, at=now(), by=by, kind=kind, details=dict(details), reason=reason)


def _parse_year(text: str) -> int | None:
    return int(text[:4]) if text[:4].isdecimal() and len(text) >= 4 else None
