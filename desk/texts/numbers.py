"""Numbers, counts, durations and amounts in the reader's language."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _, ngettext_lazy

from exhibit.types import Money

COUNTED: dict[str, Promise] = {
    "addresses": ngettext_lazy("%(n)s address of a picture", "%(n)s addresses of pictures", "count"),
    "answers": ngettext_lazy("%(n)s answer", "%(n)s answers", "count"),
    "cases": ngettext_lazy("%(n)s case", "%(n)s cases", "count"),
    "cases assigned": ngettext_lazy("%(n)s case was assigned.", "%(n)s cases were assigned.", "count"),
    "cases covered in part": ngettext_lazy(
        "%(n)s open case would be covered in part, and stay open.",
        "%(n)s open cases would be covered in part, and stay open.",
        "count",
    ),
    "answers not read": ngettext_lazy("%(n)s answer not read", "%(n)s answers not read", "count"),
    "cases decided otherwise": ngettext_lazy(
        "%(n)s case that a person decided otherwise would be covered. It stays as decided.",
        "%(n)s cases that a person decided otherwise would be covered. They stay as decided.",
        "count",
    ),
    "cases in a report": ngettext_lazy("Being made, with %(n)s case", "Being made, with %(n)s cases", "count"),
    "robots": ngettext_lazy("%(n)s address, by its robots.txt", "%(n)s addresses, by its robots.txt", "count"),
    "tdm-reserved": ngettext_lazy(
        "%(n)s address, reserved against text and data mining",
        "%(n)s addresses, reserved against text and data mining",
        "count",
    ),
    "noai": ngettext_lazy(
        "%(n)s address, marked noai or noimageai", "%(n)s addresses, marked noai or noimageai", "count"
    ),
    "denied-host": ngettext_lazy(
        "%(n)s address, by the operator's list", "%(n)s addresses, by the operator's list", "count"
    ),
    "scripted": ngettext_lazy(
        "%(n)s page runs scripts that may add pictures:", "%(n)s pages run scripts that may add pictures:", "count"
    ),
    "unrendered": ngettext_lazy(
        "%(n)s page wasn't rendered: what the run may spend on that was used up.",
        "%(n)s pages weren't rendered: what the run may spend on that was used up.",
        "count",
    ),
    "unchanged": ngettext_lazy(
        "%(n)s known page was left for a later run: the last visits saw no change there.",
        "%(n)s known pages were left for a later run: the last visits saw no change there.",
        "count",
    ),
    "stated": ngettext_lazy(
        "%(n)s known page was left for a later run: its site says that it hasn't changed.",
        "%(n)s known pages were left for a later run: their site says that they haven't changed.",
        "count",
    ),
    "stayed": ngettext_lazy(
        "%(n)s case stayed as a person decided it:", "%(n)s cases stayed as a person decided them:", "count"
    ),
    "licensed": ngettext_lazy("%(n)s case was licensed by it:", "%(n)s cases were licensed by it:", "count"),
    "cases not licensed": ngettext_lazy("%(n)s case, not licensed", "%(n)s cases, not licensed", "count"),
    "reopened": ngettext_lazy("%(n)s case is open again:", "%(n)s cases are open again:", "count"),
    "cases of a watch": ngettext_lazy("%(n)s find", "%(n)s finds", "count"),
    "cases to decide": ngettext_lazy("%(n)s to decide", "%(n)s to decide", "count"),
    "pictures looked at": ngettext_lazy("%(n)s picture looked at", "%(n)s pictures looked at", "count"),
    "cases sealed": ngettext_lazy(
        "%(n)s case is sealed or being sealed.", "%(n)s cases are sealed or being sealed.", "count"
    ),
    "cases to license": ngettext_lazy(
        "%(n)s open case would be licensed.", "%(n)s open cases would be licensed.", "count"
    ),
    "cases to reopen": ngettext_lazy(
        "%(n)s case that the ledger licensed would be open again.",
        "%(n)s cases that the ledger licensed would be open again.",
        "count",
    ),
    "cases waiting": ngettext_lazy("%(n)s case waits for a decision.", "%(n)s cases wait for a decision.", "count"),
    "changes": ngettext_lazy("%(n)s change", "%(n)s changes", "count"),
    "minutes left": ngettext_lazy("About %(n)s minute left.", "About %(n)s minutes left.", "count"),
    "documents": ngettext_lazy("%(n)s document", "%(n)s documents", "count"),
    "downloads": ngettext_lazy("%(n)s download", "%(n)s downloads", "count"),
    "finds to look at": ngettext_lazy("%(n)s find to look at", "%(n)s finds to look at", "count"),
    "files missing": ngettext_lazy("%(n)s file hasn't arrived.", "%(n)s files haven't arrived.", "count"),
    "files waiting": ngettext_lazy(
        "%(n)s file is still to be registered. You may close this page: it goes on.",
        "%(n)s files are still to be registered. You may close this page: it goes on.",
        "count",
    ),
    "licences read": ngettext_lazy(
        "%(n)s licence was read. Nothing is saved yet.", "%(n)s licences were read. Nothing is saved yet.", "count"
    ),
    "lines without a file": ngettext_lazy(
        "%(n)s line of the table is about a file that didn't come:",
        "%(n)s lines of the table are about files that didn't come:",
        "count",
    ),
    "more cases": ngettext_lazy(
        "%(n)s more case is for another notice.", "%(n)s more cases are for another notice.", "count"
    ),
    "more cases waiting": ngettext_lazy("%(n)s more case waits.", "%(n)s more cases wait.", "count"),
    "notices due": ngettext_lazy("%(n)s notice is due", "%(n)s notices are due", "count"),
    "parties seen": ngettext_lazy("Seen at %(n)s party.", "Seen at %(n)s parties.", "count"),
    "places listed": ngettext_lazy("%(n)s place will be listed.", "%(n)s places will be listed.", "count"),
    "places unlisted": ngettext_lazy(
        "%(n)s place is beyond what a letter lists.", "%(n)s places are beyond what a letter lists.", "count"
    ),
    "things amiss": ngettext_lazy("One thing to look at.", "%(n)s things to look at, the most urgent first.", "count"),
    "things more": ngettext_lazy("and %(n)s thing more", "and %(n)s things more", "count"),
    "tries": ngettext_lazy("%(n)s try", "%(n)s tries", "count"),
    "works": ngettext_lazy("%(n)s work", "%(n)s works", "count"),
    "works changed": ngettext_lazy("%(n)s work changed.", "%(n)s works changed.", "count"),
    "works matching": ngettext_lazy("the %(n)s work that matches", "all %(n)s works that match", "count"),
    "works proposed": ngettext_lazy(
        "%(n)s picture at your own places is proposed as a work.",
        "%(n)s pictures at your own places are proposed as works.",
        "count",
    ),
    "files with metadata problems": ngettext_lazy(
        "The metadata of %(n)s file has problems.", "The metadata of %(n)s files has problems.", "count"
    ),
    "works related": ngettext_lazy(
        "%(n)s of these works shows the same as another work of yours.",
        "%(n)s of these works show the same as other works of yours.",
        "count",
    ),
}
"""Plural forms for counted things."""


def grouped(number: int) -> str:
    """Format a number with thousands separators."""
    return number_format(number, force_grouping=True)


def counted(count: int, of: str) -> str:
    """Format a count of things; ``of`` is a key of ``COUNTED``."""
    return str(COUNTED[of] % {"count": count, "n": grouped(count)})


def lasting(seconds: float) -> str:
    """Format a duration in seconds, in the largest unit that fits at least twice."""
    for size, words in ((86_400, _("%(n)s days")), (3_600, _("%(n)s h")), (60, _("%(n)s min"))):
        if seconds >= 2 * size:
            return words % {"n": grouped(int(seconds // size))}
    return _("%(n)s s") % {"n": grouped(int(seconds))}


def money(amount: Money) -> str:
    """Format an exact amount with its currency."""
    number, currency = str(amount).split()
    return number_format(Decimal(number), force_grouping=True) + "\u00a0" + currency
