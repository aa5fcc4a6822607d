"""Texts of the pages on parties and payments."""

from collections.abc import Iterable

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _, gettext_lazy, ngettext, pgettext_lazy

from registry.models import DemandEntry, Fee
from registry.parties.demands import describe_fee, to_units
from registry.parties.periods import parse_period
from registry.parties.proposed_fees import FeeTotal, KnownUse, ProposedFee

ENTRIES = {
    DemandEntry.Kind.ASKED: pgettext_lazy("money", "demanded"),
    DemandEntry.Kind.AGREED: pgettext_lazy("money", "agreed"),
    DemandEntry.Kind.RECEIVED: pgettext_lazy("money", "received"),
}
PURPOSES = {
    "commercial": pgettext_lazy("use", "commercial"),
    "plain": pgettext_lazy("use", "decorative"),
    "comment": pgettext_lazy("use", "editorial"),
}
COLUMNS = {"use": gettext_lazy("use"), "size": gettext_lazy("size"), "duration": gettext_lazy("duration")}
HELP = {
    "size": gettext_lazy("To be comparable, a size has to be in pixels, for example “up to 1200 px”."),
    "duration": gettext_lazy(
        "To be comparable, a duration has to be in days, weeks, months or years, for example “up to 1 year”."
    ),
}
MAX_PARTS = 8
"""Maximum number of fee-table parts listed in a sentence."""
MAX_BASIS = 1_000
MISSING = {
    "nobody": gettext_lazy("No responsible registry was found."),
    "not-found": gettext_lazy("The registry has no record of it."),
    "no-answer": gettext_lazy("The registry did not respond."),
    "nonsense": gettext_lazy("The registry's response could not be read."),
}


def amount(number: int | None, currency: str) -> str:
    """Format an amount with its currency; a dash for None."""
    if number is None:
        return "–"
    return number_format(to_units(number, currency), force_grouping=True) + "\u00a0" + currency


def fee(row: Fee) -> str:
    """Format a fee-table row with its amount."""
    return f"{describe_fee(row)[:80]} · {amount(row.amount, row.table.currency)}"


def fees(offered: Iterable[Fee]) -> list[tuple[str, str]]:
    """Return form options for fees, including "none"; empty if there are no fees."""
    options = [(f"{row.table.number}.{row.number}", fee(row)) for row in offered]
    return [("", _("No fee from a table: enter your own amount")), *options] if options else []


def describe_purpose(use: KnownUse) -> str:
    """Describe the purpose of a use as stated in a notice; empty if unknown."""
    if not use.purpose:
        return ""
    return _("%(purpose)s (notice %(n)d)") % {"purpose": PURPOSES[use.purpose], "n": use.notice}


def fee_warnings(proposals: Iterable[ProposedFee]) -> list[str]:
    """Describe the fee-table parts that could not be compared with cases, and how to fix them."""
    parts = {(part.column, part.text): part for item in proposals for part in item.unknown}
    unread = [part for part in parts.values() if not part.kind]
    sentences = []
    if unread:
        listed = [_("“%(text)s” (%(column)s)") % {"text": item.text, "column": COLUMNS[item.column]} for item in unread]
        more = _("…") if len(listed) > MAX_PARTS else ""
        values = {"parts": _(", ").join(listed[:MAX_PARTS]) + more}
        sentences.append(
            _("These parts of your fee table cannot be compared with the uses. Review them yourself: %(parts)s.")
            % values
        )
        sentences += [str(HELP[column]) for column in HELP if any(part.column == column for part in unread)]
    if any(part.kind == "purpose" for part in parts.values()):
        sentences.append(
            _(
                "Some fees depend on the purpose of the use. The purpose is known if a notice states it for "
                "this case, or if all notices about the site's other cases state the same one."
            )
        )
    if any(part.kind and part.kind != "purpose" for part in parts.values()):
        sentences.append(_("Some fees depend on a size or duration that is not known."))
    if without := [str(item.use.case) for item in proposals if not item.fitting and not item.unknown]:
        more = _("…") if len(without) > MAX_PARTS else ""
        sentence = ngettext(
            "No fee fits case %(cases)s: every fee contradicts the known use.",
            "No fee fits cases %(cases)s: every fee contradicts the known use.",
            len(without),
        )
        sentences.append(sentence % {"cases": _(", ").join(without[:MAX_PARTS]) + more})
    return sentences


def describe_basis(total: FeeTotal) -> str:
    """Describe the basis of an amount for several cases."""
    lines = [_("%(n)d × %(fee)s") % {"n": times, "fee": describe_fee(fee)} for times, fee in total.lines]
    return "; ".join(lines)[:MAX_BASIS]


def period_title(name: str) -> str:
    """Return the title of a month, quarter or year by its name, such as ``2026-Q3``."""
    period_found = parse_period(name)
    if name.isdecimal():
        return _("%(year)s, full year") % {"year": name}
    year, _dash, part = name.partition("-")
    if part.startswith("Q"):
        return _("Q%(n)s %(year)s") % {"year": year, "n": part[1:]}
    return date_format(period_found.first, "YEAR_MONTH_FORMAT")
