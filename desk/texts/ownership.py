"""Descriptions of ownership warnings and of changes to a work. They make no judgement."""

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
from registry.works.copyright_terms import Basis, Finding, Standing
from registry.works.ownership import EARLIER, Warnings

COUNTRIES = {
    "US": gettext_lazy("United States"),
    "EU": gettext_lazy("European Union"),
    "GB": gettext_lazy("United Kingdom"),
    "CN": gettext_lazy("China"),
    "JP": gettext_lazy("Japan"),
    "CA": gettext_lazy("Canada"),
    "IN": gettext_lazy("India"),
}
LAWS = (
    gettext_noop("17 U.S.C. §§ 302-305"),
    gettext_noop("Directive 2006/116/EC, Articles 1 and 8"),
    gettext_noop("Copyright, Designs and Patents Act 1988, section 12"),
    gettext_noop("著作权法 (2020) 23, 65"),
    gettext_noop("著作権法 51, as of 30 December 2018"),
    gettext_noop("Copyright Act, section 6, as of 30 December 2022"),
    gettext_noop("Copyright Act 1957, sections 22-23"),
)
"""The sources in ``registry/works/terms.toml``, marked for translation."""
STANDINGS = {
    Standing.OVER: gettext_lazy("may have expired, according to the dates entered"),
    Standing.RUNNING: gettext_lazy("not expired, according to the dates entered"),
    Standing.UNKNOWN: gettext_lazy("cannot be determined"),
}
TERM_RULES = {
    Basis.DEATH: gettext_lazy("%(number)d years after the author's death"),
    Basis.PUBLICATION: gettext_lazy("%(number)d years after first publication"),
    Basis.CREATION: gettext_lazy("%(number)d years after creation"),
    Basis.DEAD_UNTIL: gettext_lazy(
        "authors who died in %(number)d or earlier: the term was extended too late for them"
    ),
    Basis.PHOTOGRAPHS_UNTIL: gettext_lazy(
        "photographs first published in %(number)d or earlier: the term was extended too late for them"
    ),
    Basis.RECORDS: gettext_lazy("depends on notices and renewals if published before %(number)d"),
    Basis.GAP: gettext_lazy("a date is missing, or the dates are not sufficient"),
}
FIELDS = {
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
MANIFESTS = {
    "valid": gettext_lazy("signature valid for this file; signer not checked against any list"),
    "invalid": gettext_lazy("signature not valid for this file"),
    "unreadable": gettext_lazy("present, but could not be read"),
}
AUTHOR_KINDS = {
    Work.AuthorKind.PERSON: gettext_lazy("person"),
    Work.AuthorKind.ANONYMOUS: gettext_lazy("anonymous"),
    Work.AuthorKind.ORGANISATION: gettext_lazy("organisation"),
}
MEDIUMS = {
    Work.Medium.UNSAID: gettext_lazy("not specified"),
    Work.Medium.PHOTOGRAPH: gettext_lazy("photograph"),
    Work.Medium.OTHER: gettext_lazy("other work"),
}
SIGNATURES = {
    "valid": gettext_lazy("The signature is valid for this file."),
    "invalid": gettext_lazy("The signature is not valid for this file."),
}
EARLIER_REGISTRATION = {
    "same": gettext_lazy("Another owner registered the same picture here earlier, on %(day)s."),
    "near": gettext_lazy("Another owner registered a nearly identical picture here earlier, on %(day)s."),
}
KINDS = {
    "edited": gettext_lazy("Changed"),
    "collected": gettext_lazy("Collections changed"),
    "attached": gettext_lazy("Document added"),
    "detached": gettext_lazy("Document removed"),
    "answered": gettext_lazy("Reason given"),
    "open": gettext_lazy("Cases opened for the pictures on hold"),
    "dismiss": gettext_lazy("Pictures on hold marked as not this work"),
    "undo": gettext_lazy("Pictures on hold are awaiting a decision again"),
}


@dataclass(frozen=True, slots=True)
class RemarkDescription:
    """A described remark: a sentence, the stated values by field, and the consequence."""

    remark: OwnershipRemark
    sentence: str
    statements: tuple[tuple[str, str], ...] = ()
    consequence: str = ""


def describe_remark(remark: OwnershipRemark) -> RemarkDescription:
    """Describe an ownership remark."""
    kinds, details = OwnershipRemark.Kind, remark.details
    if remark.kind == kinds.TERM:
        countries = _(", ").join(str(COUNTRIES.get(code, code)) for code in details["countries"])
        sentence = _("Protection may have expired, according to the dates entered: %(countries)s.") % {
            "countries": countries
        }
        return RemarkDescription(remark, sentence, consequence=_("No notice is created until a member gives a reason."))
    if remark.kind == kinds.MANIFEST:
        sentence = _("The C2PA manifest in the file names a different person than you declared.")
        names = (("", _(", ").join(details["stated"])),)
        return RemarkDescription(remark, sentence, names, str(SIGNATURES.get(details.get("standing", ""), "")))
    statements = tuple((str(FIELDS.get(name, name)), text) for name, text in details["stated"].items())
    if remark.kind == kinds.DEDICATION:
        sentence = _("The work is stated to be in the public domain.")
        return RemarkDescription(remark, sentence, statements, _("No notice is created until a member gives a reason."))
    return RemarkDescription(remark, _("The file names a different person than you declared."), statements)


def describe_warnings(work_warnings: Warnings) -> list[str]:
    """Describe each warning about a work in a sentence, with the stated values."""
    sentences = []
    for kind, details in work_warnings.items():
        if kind == EARLIER:
            sentences.append(
                str(EARLIER_REGISTRATION[details["alike"]]) % {"day": _day(parse_rfc3339(details["registered_at"]))}
            )
            continue
        description = describe_remark(OwnershipRemark(kind=kind, details=dict(details)))
        colon, semicolon = pgettext("after a label", ": "), pgettext("between parts of a sentence", "; ")
        statements = semicolon.join(f"{name}{colon}{text}" if name else text for name, text in description.statements)
        sentences.append(join_sentences((description.sentence, statements)))
    return sentences


def summarize_warnings(work: Work) -> list[str]:
    """Describe each unanswered warning about a work. Reads its prefetched conflicts and open ``doubts``."""
    sentences = [
        str(EARLIER_REGISTRATION[row.kind]) % {"day": _day(row.earlier_registered_at)} for row in work.conflicts.all()
    ]
    return sentences[:1] + [describe_remark(remark).sentence for remark in work.doubts]  # type: ignore[attr-defined] # prefetched


def _day(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")


def term_rows(findings: tuple[Finding, ...]) -> list[tuple[str, str, str, str]]:
    """Return (country, standing, rule, source) for each finding on the term of protection."""
    return [
        (
            str(COUNTRIES.get(finding.country, finding.country)),
            str(STANDINGS[finding.standing]),
            str(TERM_RULES[finding.by]) % {"number": finding.number},
            _(finding.source),
        )
        for finding in findings
    ]


def stated_rows(metadata: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the metadata of a work's file as (field, text) rows."""
    rows = [(str(FIELDS[name]), text) for name, text in metadata.items() if name in FIELDS and isinstance(text, str)]
    manifest = metadata.get("manifest", {}).get("authors", [])
    return rows + ([(str(FIELDS["manifest"]), _(", ").join(manifest))] if manifest else [])


def statement_rows(statement: FileStatement) -> list[tuple[str, str]]:
    """Return the metadata and C2PA manifest of any image file as (field, text) rows; empty if it has none."""
    rows = stated_rows(dict(statement.metadata.as_dict()))
    if statement.manifest is None or statement.manifest.standing == "none":
        return rows
    manifest = statement.manifest
    details = (str(MANIFESTS[manifest.standing]), manifest.signer, manifest.generator, *manifest.actions)
    return [*rows, (str(FIELDS["manifest"]), " · ".join(filter(None, details)))]


def change_rows(change: WorkChange) -> list[tuple[str, str, str]]:
    """Return the (field, before, after) rows of a change."""
    if change.kind in ("edited", "collected"):
        return [
            (str(FIELDS.get(name, name)), format_declared(name, both["before"]), format_declared(name, both["after"]))
            for name, both in change.details.items()
        ]
    return [("", "", str(change.details.get("name", "")))] if "name" in change.details else []


def bulk_in_words(edit: BulkEdit) -> str:
    """Describe a bulk edit, or the one that it undoes."""
    if edit.undoes is not None:
        return _("Undone: %(what)s") % {"what": bulk_in_words(edit.undoes)}
    values = {
        "name": edit.value,
        "field": str(FIELDS.get(edit.what, "")),
        "value": format_declared(edit.what, edit.value),
    }
    if edit.what == ADD:
        return _("Added to the collection “%(name)s”") % values
    if edit.what == REMOVE:
        return _("Removed from the collection “%(name)s”") % values
    return _("%(field)s: “%(value)s”") % values


def describe_hold(flood: Flood) -> str:
    """Describe why a work's finds are held back: the counts and the limit."""
    words = _(
        "In one day, the work was found on %(sites)s new sites, %(different)s of them with a picture "
        "unlike any found before. The limit was %(limit)s; sites with similar pictures count as one "
        "tenth each."
    )
    return words % {name: grouped(getattr(flood, name)) for name in ("sites", "different", "limit")}


def format_declared(name: str, value: Json) -> str:
    """Format a declared value for display."""
    if name == "author_kind":
        return str(AUTHOR_KINDS.get(value, value))
    if name == "medium":
        return str(MEDIUMS.get(value, value))
    if name == "registrations":
        registrations = (
            " ".join(filter(None, (registration["office"], registration["number"], registration["date"])))
            for registration in value
        )
        return pgettext("between parts of a sentence", "; ").join(registrations) or "–"
    if name == "collections":
        return _(", ").join(value) or "–"
    return str(value) if value not in (None, "") else "–"
