"""Descriptions of ownership warnings and of changes to a work. The texts make no judgement."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _, gettext_lazy, gettext_noop, pgettext

from desk.texts.numbers import grouped
from exhibit.clock import parse_rfc3339
from exhibit.types import Json
from registry.cases.history import join_sentences
from registry.models import BulkEdit, Flood, OwnershipRemark, Work, WorkChange
from registry.pictures.provenance import FileStatement
from registry.works.collections import ADD, REMOVE
from registry.works.copyright_terms import Basis, TermResult, TermStatus
from registry.works.ownership import EARLIER, Warnings

COUNTRY_NAMES = {
    "US": gettext_lazy("United States"),
    "EU": gettext_lazy("European Union"),
    "GB": gettext_lazy("United Kingdom"),
    "CN": gettext_lazy("China"),
    "JP": gettext_lazy("Japan"),
    "CA": gettext_lazy("Canada"),
    "IN": gettext_lazy("India"),
}
LAW_NAMES = (
    gettext_noop("17 U.S.C. §§ 302-305"),
    gettext_noop("Directive 2006/116/EC, Articles 1 and 8"),
    gettext_noop("Copyright, Designs and Patents Act 1988, section 12"),
    gettext_noop("著作权法 (2020) 23, 65"),
    gettext_noop("著作権法 51, as of 30 December 2018"),
    gettext_noop("Copyright Act, section 6, as of 30 December 2022"),
    gettext_noop("Copyright Act 1957, sections 22-23"),
)
"""The sources in ``registry/works/terms.toml``, marked for translation."""
TERM_STATUS_LABELS = {
    TermStatus.EXPIRED: gettext_lazy("may have expired, according to the dates entered"),
    TermStatus.IN_FORCE: gettext_lazy("not expired, according to the dates entered"),
    TermStatus.UNKNOWN: gettext_lazy("cannot be determined"),
}
TERM_RULES = {
    Basis.DEATH: gettext_lazy("%(number)d years after the author's death"),
    Basis.PUBLICATION: gettext_lazy("%(number)d years after first publication"),
    Basis.CREATION: gettext_lazy("%(number)d years after creation"),
    Basis.DEAD_UNTIL: gettext_lazy(
        "authors who died in %(number)d or earlier: protection had already expired when the term was extended"
    ),
    Basis.PHOTOGRAPHS_UNTIL: gettext_lazy(
        "photographs first published in %(number)d or earlier: protection had already expired when the "
        "term was extended"
    ),
    Basis.RECORDS: gettext_lazy("depends on notices and renewals if published before %(number)d"),
    Basis.GAP: gettext_lazy("a date is missing, or the dates are not sufficient"),
}
FIELD_LABELS = {
    "title": gettext_lazy("Title"),
    "author": gettext_lazy("Author"),
    "author_kind": gettext_lazy("Author type"),
    "author_died": gettext_lazy("Year of the author's death"),
    "holder": gettext_lazy("Copyright holder"),
    "credit": gettext_lazy("Credit line"),
    "rights_statement": gettext_lazy("Rights statement"),
    "rights": gettext_lazy("Rights statement"),
    "licence": gettext_lazy("Licence"),
    "created": gettext_lazy("Created"),
    "first_publication": gettext_lazy("First publication"),
    "medium": gettext_lazy("Type"),
    "registrations": gettext_lazy("Official registrations"),
    "collections": gettext_lazy("Collections"),
    "manifest": gettext_lazy("C2PA manifest"),
    "source_type": gettext_lazy("Digital source type (IPTC)"),
    "aigc": gettext_lazy("AI-generated content label (GB 45438-2025)"),
    "keywords": gettext_lazy("Keywords"),
    "comment": gettext_lazy("Comment"),
}
MANIFEST_LABELS = {
    "valid": gettext_lazy("signature valid for this file; signer not checked against any list"),
    "invalid": gettext_lazy("signature not valid for this file"),
    "unreadable": gettext_lazy("present, but could not be read"),
}
AUTHOR_KIND_LABELS = {
    Work.AuthorKind.PERSON: gettext_lazy("person"),
    Work.AuthorKind.ANONYMOUS: gettext_lazy("anonymous"),
    Work.AuthorKind.ORGANISATION: gettext_lazy("organisation"),
}
MEDIUM_LABELS = {
    Work.Medium.UNSPECIFIED: gettext_lazy("not specified"),
    Work.Medium.PHOTOGRAPH: gettext_lazy("photograph"),
    Work.Medium.OTHER: gettext_lazy("other work"),
}
SIGNATURE_SENTENCES = {
    "valid": gettext_lazy("The signature is valid for this file."),
    "invalid": gettext_lazy("The signature is not valid for this file."),
}
EARLIER_REGISTRATION_SENTENCES = {
    "same": gettext_lazy("Another owner registered the same picture here earlier, on %(day)s."),
    "near": gettext_lazy("Another owner registered a nearly identical picture here earlier, on %(day)s."),
}
CHANGE_LABELS = {
    "edited": gettext_lazy("Changed"),
    "collected": gettext_lazy("Collections changed"),
    "attached": gettext_lazy("Document added"),
    "detached": gettext_lazy("Document removed"),
    "answered": gettext_lazy("Reason given"),
    "open": gettext_lazy("Cases opened for the pictures on hold"),
    "dismiss": gettext_lazy("Pictures on hold marked as not showing this work"),
    "undo": gettext_lazy("Pictures on hold are awaiting a decision again"),
}


@dataclass(frozen=True, slots=True)
class RemarkDescription:
    """Description of an ownership remark: a sentence, the stated values by field, and the consequence."""

    remark: OwnershipRemark
    sentence: str
    statements: tuple[tuple[str, str], ...] = ()
    consequence: str = ""


def describe_remark(remark: OwnershipRemark) -> RemarkDescription:
    """Describe an ownership remark."""
    kinds, details = OwnershipRemark.Kind, remark.details
    if remark.kind == kinds.TERM:
        countries = _(", ").join(str(COUNTRY_NAMES.get(code, code)) for code in details["countries"])
        sentence = _("According to the dates entered, protection may have expired in: %(countries)s.") % {
            "countries": countries
        }
        return RemarkDescription(
            remark,
            sentence,
            consequence=_("No notice is created until a member gives a reason to disregard this warning."),
        )
    if remark.kind == kinds.MANIFEST:
        sentence = _("The C2PA manifest in the file identifies a different person from the one that you declared.")
        names = (("", _(", ").join(details["stated"])),)
        return RemarkDescription(remark, sentence, names, str(SIGNATURE_SENTENCES.get(details.get("standing", ""), "")))
    statements = tuple((str(FIELD_LABELS.get(name, name)), text) for name, text in details["stated"].items())
    if remark.kind == kinds.DEDICATION:
        sentence = _("According to its rights or licence statement, the work is in the public domain.")
        return RemarkDescription(
            remark,
            sentence,
            statements,
            _("No notice is created until a member gives a reason to disregard this warning."),
        )
    return RemarkDescription(
        remark, _("The file identifies a different person from the one that you declared."), statements
    )


def describe_warnings(work_warnings: Warnings) -> list[str]:
    """Describe each warning about a work in a sentence, with the stated values."""
    sentences = []
    for kind, details in work_warnings.items():
        if kind == EARLIER:
            sentences.append(
                str(EARLIER_REGISTRATION_SENTENCES[details["alike"]])
                % {"day": _format_day(parse_rfc3339(details["registered_at"]))}
            )
            continue
        description = describe_remark(OwnershipRemark(kind=kind, details=dict(details)))
        colon, semicolon = pgettext("after a label", ": "), pgettext("between parts of a sentence", "; ")
        statements = semicolon.join(f"{name}{colon}{text}" if name else text for name, text in description.statements)
        sentences.append(join_sentences((description.sentence, statements)))
    return sentences


def summarize_warnings(work: Work) -> list[str]:
    """Describe each unanswered warning about a work. ``conflicts`` and ``doubts`` must have been prefetched."""
    sentences = [
        str(EARLIER_REGISTRATION_SENTENCES[row.kind]) % {"day": _format_day(row.earlier_registered_at)}
        for row in work.conflicts.all()
    ]
    return sentences[:1] + [describe_remark(remark).sentence for remark in work.doubts]  # type: ignore[attr-defined] # prefetched


def _format_day(at: datetime) -> str:
    return formats.date_format(timezone.localtime(at), "DATE_FORMAT")


def build_term_rows(findings: tuple[TermResult, ...]) -> list[tuple[str, str, str, str]]:
    """Return (country, status, rule, source) for each finding on the term of protection."""
    return [
        (
            str(COUNTRY_NAMES.get(finding.country, finding.country)),
            str(TERM_STATUS_LABELS[finding.status]),
            str(TERM_RULES[finding.basis]) % {"number": finding.number},
            _(finding.source),
        )
        for finding in findings
    ]


def build_metadata_rows(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the metadata of a work's file as (field, text) rows."""
    rows = [
        (str(FIELD_LABELS[name]), text)
        for name, text in metadata.items()
        if name in FIELD_LABELS and isinstance(text, str)
    ]
    manifest = metadata.get("manifest", {}).get("authors", [])
    return rows + ([(str(FIELD_LABELS["manifest"]), _(", ").join(manifest))] if manifest else [])


def build_file_statement_rows(statement: FileStatement) -> list[tuple[str, str]]:
    """Return the metadata and C2PA manifest of a picture file as (field, text) rows; empty if it has neither."""
    rows = build_metadata_rows(dict(statement.metadata.as_dict()))
    if statement.manifest is None or statement.manifest.standing == "none":
        return rows
    manifest = statement.manifest
    details = (str(MANIFEST_LABELS[manifest.standing]), manifest.signer, manifest.generator, *manifest.actions)
    return [*rows, (str(FIELD_LABELS["manifest"]), " · ".join(filter(None, details)))]


def build_change_rows(change: WorkChange) -> list[tuple[str, str, str]]:
    """Return the (field, before, after) rows of a change."""
    if change.kind in ("edited", "collected"):
        return [
            (
                str(FIELD_LABELS.get(name, name)),
                format_declared(name, values["before"]),
                format_declared(name, values["after"]),
            )
            for name, values in change.details.items()
        ]
    return [("", "", str(change.details.get("name", "")))] if "name" in change.details else []


def bulk_edit_in_words(edit: BulkEdit) -> str:
    """Describe a bulk edit, or for an undo, the edit that was undone."""
    if edit.undoes is not None:
        return _("Undone: %(what)s") % {"what": bulk_edit_in_words(edit.undoes)}
    values = {
        "name": edit.value,
        "field": str(FIELD_LABELS.get(edit.what, "")),
        "value": format_declared(edit.what, edit.value),
    }
    if edit.what == ADD:
        return _("Added to the collection “%(name)s”") % values
    if edit.what == REMOVE:
        return _("Removed from the collection “%(name)s”") % values
    return _("%(field)s: “%(value)s”") % values


def describe_hold(flood: Flood) -> str:
    """Describe why a work is on hold: the numbers of sites, and the limit."""
    template = _(
        "In one day, the work was found on %(sites)s new sites, %(different)s of them with a picture "
        "unlike any found before. The limit was %(limit)s; sites with similar pictures count as one "
        "tenth each."
    )
    return template % {name: grouped(getattr(flood, name)) for name in ("sites", "different", "limit")}


def format_declared(name: str, value: Json) -> str:
    """Format a declared value for display."""
    if name == "author_kind":
        return str(AUTHOR_KIND_LABELS.get(value, value))
    if name == "medium":
        return str(MEDIUM_LABELS.get(value, value))
    if name == "registrations":
        registrations = (
            " ".join(filter(None, (registration["office"], registration["number"], registration["date"])))
            for registration in value
        )
        return pgettext("between parts of a sentence", "; ").join(registrations) or "–"
    if name == "collections":
        return _(", ").join(value) or "–"
    return str(value) if value not in (None, "") else "–"
