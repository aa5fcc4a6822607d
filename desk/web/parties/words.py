"""Texts of the pages on sites and payments."""

from collections.abc import Iterable

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _, gettext_lazy, ngettext, pgettext_lazy

from registry.models import DemandEntry, Fee
from registry.parties.demands import describe_fee, to_main_units
from registry.parties.periods import parse_period
from registry.parties.proposed_fees import FeeTotal, KnownUse, ProposedFee

ENTRY_LABELS = {
    DemandEntry.Kind.DEMANDED: pgettext_lazy("money", "demanded"),
    DemandEntry.Kind.AGREED: pgettext_lazy("money", "agreed"),
    DemandEntry.Kind.RECEIVED: pgettext_lazy("money", "received"),
}
PURPOSE_LABELS = {
    "commercial": pgettext_lazy("use", "commercial"),
    "plain": pgettext_lazy("use", "illustrative"),
    "comment": pgettext_lazy("use", "editorial"),
}
COLUMN_LABELS = {"use": gettext_lazy("use"), "size": gettext_lazy("size"), "duration": gettext_lazy("duration")}
COLUMN_HINTS = {
    "size": gettext_lazy("Exhibit can compare a size only if it is given in pixels, for example “up to 1200 px”."),
    "duration": gettext_lazy(
        "Exhibit can compare a duration only if it is given in days, weeks, months or years, for "
        "example “up to 1 year”."
    ),
}
MAX_PARTS = 8
"""Maximum number of fee-table parts listed in a sentence."""
MAX_BASIS = 1_000
MISSING_LABELS = {
    "nobody": gettext_lazy("No responsible registry was found."),
    "not-found": gettext_lazy("The registry has no matching record."),
    "no-answer": gettext_lazy("The registry did not respond."),
    "nonsense": gettext_lazy("The registry's response could not be read."),
}


def format_amount(number: int | None, currency: str) -> str:
    """Format an amount with its currency; a dash for None."""
    if number is None:
        return "–"
    return number_format(to_main_units(number, currency), force_grouping=True) + "\u00a0" + currency


def format_fee(row: Fee) -> str:
    """Format a fee-table row with its amount."""
    return f"{describe_fee(row)[:80]} · {format_amount(row.amount, row.table.currency)}"


def build_fee_options(available_fees: Iterable[Fee]) -> list[tuple[str, str]]:
    """Return form options for fees, including "none"; empty if there are no fees."""
    options = [(f"{row.table.number}.{row.number}", format_fee(row)) for row in available_fees]
    return [("", _("Custom amount, not from a fee table")), *options] if options else []


def describe_purpose(use: KnownUse) -> str:
    """Describe the purpose of a use as stated in a notice; empty if unknown."""
    if not use.purpose:
        return ""
    return _("%(purpose)s (notice %(n)d)") % {"purpose": PURPOSE_LABELS[use.purpose], "n": use.notice}


def describe_fee_warnings(proposals: Iterable[ProposedFee]) -> list[str]:
    """Describe the fee-table parts that could not be compared with cases, and how to fix them."""
    parts = {(part.column, part.text): part for item in proposals for part in item.unknown}
    unparsed_parts = [part for part in parts.values() if not part.kind]
    sentences = []
    if unparsed_parts:
        part_texts = [
            _("“%(text)s” (%(column)s)") % {"text": item.text, "column": COLUMN_LABELS[item.column]}
            for item in unparsed_parts
        ]
        ellipsis_text = _("…") if len(part_texts) > MAX_PARTS else ""
        values = {"parts": _(", ").join(part_texts[:MAX_PARTS]) + ellipsis_text}
        sentences.append(
            _("These parts of your fee table cannot be compared with the uses. Review them yourself: %(parts)s.")
            % values
        )
        sentences += [
            str(COLUMN_HINTS[column])
            for column in COLUMN_HINTS
            if any(part.column == column for part in unparsed_parts)
        ]
    if any(part.kind == "purpose" for part in parts.values()):
        sentences.append(
            _(
                "Some fees depend on the purpose of the use. The purpose is known if a notice specifies it for "
                "this case, or if all notices about the site's other cases specify the same one."
            )
        )
    if any(part.kind and part.kind != "purpose" for part in parts.values()):
        sentences.append(_("Some fees depend on a size or duration that is not known."))
    if unmatched_cases := [str(item.use.case) for item in proposals if not item.fitting and not item.unknown]:
        ellipsis_text = _("…") if len(unmatched_cases) > MAX_PARTS else ""
        sentence = ngettext(
            "No fee fits case %(cases)s: every fee contradicts the known use.",
            "No fee fits cases %(cases)s: every fee contradicts the known use.",
            len(unmatched_cases),
        )
        sentences.append(sentence % {"cases": _(", ").join(unmatched_cases[:MAX_PARTS]) + ellipsis_text})
    return sentences


def describe_basis(total: FeeTotal) -> str:
    """Describe the basis of an amount for several cases."""
    lines = [_("%(n)d × %(fee)s") % {"n": times, "fee": describe_fee(fee)} for times, fee in total.lines]
    return "; ".join(lines)[:MAX_BASIS]


def format_period(name: str) -> str:
    """Return the title of a month, quarter or year by its name, such as ``2026-Q3``."""
    period = parse_period(name)
    if name.isdecimal():
        return _("Full year %(year)s") % {"year": name}
    year, _dash, part = name.partition("-")
    if part.startswith("Q"):
        return _("Q%(n)s %(year)s") % {"year": year, "n": part[1:]}
    return date_format(period.first, "YEAR_MONTH_FORMAT")
