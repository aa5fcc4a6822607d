"""Wordings of notices. An owner may replace each built-in wording, except for the parts that the law requires."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import InvalidRequestError
from registry.accounts.models import Owner
from registry.log import audit_log
from registry.notices.models import Notice, NoticeWording

FOLDER = Path(__file__).parent / "wording"
MAX_WORDING_LENGTH = 20_000

FILING_PLACEHOLDERS = (
    "respondent",
    "respondent_name",
    "relief",
    "amount",
    "facts",
    "smaller",
    "natural",
    "evidence_list",
)
"""Placeholders of filings with a board or a court; empty in letters."""

DEMAND_PLACEHOLDERS = ("claims", "undertaking")
"""Placeholders of a formal demand; empty elsewhere."""

LETTER_PLACEHOLDERS = (
    "number", "date", "owner", "party", "addressee", "count", "items", "contact", "identity", "further", "signature",
    *FILING_PLACEHOLDERS, *DEMAND_PLACEHOLDERS,
)  # fmt: skip
ITEM_PLACEHOLDERS = (
    "n", "title", "author", "holder", "first_publication", "registrations", "case",
    "places", "seen", "aligned", "licences",
)  # fmt: skip
"""Placeholders that a wording may use in the letter and in the section for each work."""

REQUIRED_PLACEHOLDERS = {
    Notice.Kind.DMCA: ("items", "contact", "good_faith", "accuracy", "signature"),
    Notice.Kind.DSA: ("reasons", "items", "contact", "bona_fide", "signature"),
    Notice.Kind.PRC: ("identity", "items", "evidence", "truth", "signature"),
    Notice.Kind.OFFER: ("items", "offer", "contact", "signature"),
    Notice.Kind.CEASE: ("identity", "infringement", "items", "claims", "undertaking", "demand", "signature"),
    Notice.Kind.CCB: ("identity", "respondent", "items", "declared", "facts", "relief", "certification", "signature"),
    Notice.Kind.COURT: (
        "identity", "respondent", "relief", "amount", "declared", "items", "evidence_list", "truth", "signature",
    ),
}  # fmt: skip
"""Placeholders required in the letter, by kind of notice. The statements among them use the wording of the law."""

REQUIRED_ITEM_PLACEHOLDERS = {
    Notice.Kind.DMCA: ("title", "places"),
    Notice.Kind.DSA: ("title", "holder", "places", "seen", "aligned", "licences"),
    Notice.Kind.PRC: ("title", "holder", "places", "seen", "aligned", "licences"),
    Notice.Kind.OFFER: ("title", "places"),
    Notice.Kind.CEASE: ("title", "holder", "places", "seen", "aligned", "licences"),
    Notice.Kind.CCB: ("title", "author", "registrations", "places", "seen"),
    Notice.Kind.COURT: ("title", "holder", "places", "seen", "aligned", "licences"),
}
"""Placeholders required in the section for each work, on which the statements rely."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LABELLED_LINE = re.compile(r"[^\s:：]\s?[:：]\s*\{[^{}]*\}\s*$")
_LEADING_WORDS = r"\s*[,，、;；(（–—·]?[^{},，、;；()（）–—·.。»”\"'“„]*"
"""Matches the words that lead to a placeholder, back to a punctuation mark or another placeholder."""
_CLOSING_BRACKET = r"[)）]?"


@dataclass(frozen=True, slots=True)
class Wording:
    """The wording of a kind of notice in a language."""

    subject: str  # One line.
    body: str  # The letter, with placeholders in braces.
    item: str  # The section for one work, with placeholders in braces.
    statements: Mapping[str, str]  # Sentences that an owner cannot change.
    phrases: Mapping[str, str]  # Short phrases.
    own: bool = False  # True if the owner has replaced the built-in wording.

    def format_phrase(self, phrase: str, **values: object) -> str:
        """Return a short phrase with its values."""
        return self.phrases[phrase].format(**values)

    def format_day(self, day: date) -> str:
        """Format a date for letters in this language."""
        return self.phrases["day"].format(day)


@cache
def load_shipped_wording(kind: str, language: str) -> Wording:
    """Return the built-in wording."""
    table = tomllib.loads((FOLDER / f"{kind}.{language}.toml").read_text(encoding="utf-8"))
    base_wording = load_shipped_wording(*table["like"].split(".")) if "like" in table else None
    item = table["item"].strip("\n") if "item" in table or base_wording is None else base_wording.item
    phrases = {**(base_wording.phrases if base_wording else {}), **table.get("words", {})}
    return Wording(table["subject"], table["body"].strip("\n"), item, table["statements"], phrases)


def get_wording(owner: Owner, kind: str, language: str) -> Wording:
    """Return the owner's wording, or the built-in wording if the owner has none."""
    shipped_wording = load_shipped_wording(kind, language)
    custom_row = NoticeWording.objects.filter(owner=owner, kind=kind, language=language).first()
    if custom_row is None:
        return shipped_wording
    return Wording(
        custom_row.subject,
        custom_row.body,
        custom_row.item,
        shipped_wording.statements,
        shipped_wording.phrases,
        own=True,
    )


def list_placeholders(kind: str, language: str) -> tuple[str, ...]:
    """Return the placeholders that a letter of this kind may use."""
    return (*LETTER_PLACEHOLDERS, *load_shipped_wording(kind, language).statements)


def remove_empty_placeholders(template: str, values: Mapping[str, str], replacement: str) -> str:
    """Remove from a template the text around placeholders without a value.

    A placeholder after a label on its own line becomes ``replacement``. A placeholder in a sentence is removed
    together with the words before it: ``{title}, by {author}`` becomes ``{title}``.
    """
    return "\n".join(_remove_empty_from_line(line, values, replacement) for line in template.splitlines())


def _remove_empty_from_line(line: str, values: Mapping[str, str], replacement: str) -> str:
    for name in {name for name in _PLACEHOLDER.findall(line) if not values[name]}:
        if line.count("{") == 1 and _LABELLED_LINE.search(line):
            return line.replace(f"{{{name}}}", replacement)
        line = re.sub(_LEADING_WORDS + re.escape(f"{{{name}}}") + _CLOSING_BRACKET, "", line).lstrip(" ,，;；:：–—")
    return line


def fill_placeholders(template: str, values: Mapping[str, str]) -> str:
    """Fill in a template's placeholders. Several empty lines in a row become one."""
    text = _PLACEHOLDER.sub(lambda match: values[match[1]], template)
    text = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def check_wording(kind: str, language: str, subject: str, body: str, item: str) -> None:
    """Check a wording.

    Raises:
        InvalidRequestError: The wording cannot be filled in, or lacks a placeholder that the law requires.
    """
    for text, part in (
        (subject, _("the subject")),
        (body, _("the notice text")),
        (item, _("the section for each work")),
    ):
        if not text.strip() or len(text) > MAX_WORDING_LENGTH:
            raise InvalidRequestError(_("%(what)s is empty or too long.") % {"what": part.capitalize()})
    if "\n" in subject.strip():
        raise InvalidRequestError(_("The subject has more than one line."))
    _check_placeholders(subject, list_placeholders(kind, language), _("the subject"))
    _check_placeholders(body, list_placeholders(kind, language), _("the notice text"))
    _check_placeholders(item, ITEM_PLACEHOLDERS, _("the section for each work"))
    _check_required_placeholders(body, REQUIRED_PLACEHOLDERS[Notice.Kind(kind)], _("the notice text"))
    _check_required_placeholders(item, REQUIRED_ITEM_PLACEHOLDERS[Notice.Kind(kind)], _("the section for each work"))


def save_wording(owner: Owner, kind: str, language: str, texts: Mapping[str, str], *, by: str) -> None:
    """Save an owner's own ``subject``, ``body`` and ``item``. Raises the same errors as :func:`check_wording`."""
    values = {name: texts.get(name, "").replace("\r\n", "\n").strip() for name in ("subject", "body", "item")}
    check_wording(kind, language, **values)
    with transaction.atomic():
        NoticeWording.objects.update_or_create(
            owner=owner, kind=kind, language=language, defaults={**values, "changed_at": now(), "changed_by": by}
        )
        audit_log.log_change(
            "notice wording", by=by, owner=owner, details={"kind": kind, "language": language, **values}
        )


def restore_shipped_wording(owner: Owner, kind: str, language: str, *, by: str) -> None:
    """Restore the built-in wording."""
    with transaction.atomic():
        if NoticeWording.objects.filter(owner=owner, kind=kind, language=language).delete()[0]:
            log_details = {"kind": kind, "language": language, "shipped": True}
            audit_log.log_change("notice wording", by=by, owner=owner, details=log_details)


def _check_placeholders(text: str, allowed_names: tuple[str, ...], where: str) -> None:
    for name in _PLACEHOLDER.findall(text):
        if name not in allowed_names:
            close_names = difflib.get_close_matches(name, allowed_names, n=1)
            message = _("The placeholder {%(name)s} does not exist in %(where)s.") % {"name": name[:40], "where": where}
            hint = (
                _("Did you mean {%(name)s}?") % {"name": close_names[0]}
                if close_names
                else _("The available placeholders are listed next to the text.")
            )
            raise InvalidRequestError(message, hint=hint)
    if "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
        message = _("There is an unmatched brace in %(where)s.") % {"where": where}
        raise InvalidRequestError(message, hint=_("Placeholders are written in braces, for example {owner}."))


def _check_required_placeholders(text: str, required: tuple[str, ...], where: str) -> None:
    used_names = set(_PLACEHOLDER.findall(text))
    missing_placeholders = [name for name in required if name not in used_names]
    if missing_placeholders:
        missing_names = ", ".join(f"{{{name}}}" for name in missing_placeholders)
        message = _("%(where)s does not contain %(names)s.") % {"names": missing_names, "where": where.capitalize()}
        raise InvalidRequestError(message, hint=_("A notice must contain this information."))
