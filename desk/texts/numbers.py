"""Numbers, counts, durations and amounts in the reader's language."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _, ngettext_lazy

from exhibit.types import Money

PLURAL_FORMS: dict[str, Promise] = {
    "image URLs": ngettext_lazy("%(n)s image URL", "%(n)s image URLs", "count"),
    "responses": ngettext_lazy("%(n)s response", "%(n)s responses", "count"),
    "cases": ngettext_lazy("%(n)s case", "%(n)s cases", "count"),
    "cases assigned": ngettext_lazy("%(n)s case was assigned.", "%(n)s cases were assigned.", "count"),
    "cases covered in part": ngettext_lazy(
        "%(n)s open case would be partly covered and stay open.",
        "%(n)s open cases would be partly covered and stay open.",
        "count",
    ),
    "unread replies": ngettext_lazy("%(n)s unread reply", "%(n)s unread replies", "count"),
    "cases decided otherwise": ngettext_lazy(
        "%(n)s case that would be covered already has a different decision by a member. That decision is kept.",
        "%(n)s cases that would be covered already have different decisions by members. Those decisions are kept.",
        "count",
    ),
    "cases in a report": ngettext_lazy(
        "Generating a report with %(n)s case", "Generating a report with %(n)s cases", "count"
    ),
    "robots": ngettext_lazy("%(n)s URL excluded by robots.txt", "%(n)s URLs excluded by robots.txt", "count"),
    "tdm-reserved": ngettext_lazy(
        "%(n)s URL opted out of text and data mining",
        "%(n)s URLs opted out of text and data mining",
        "count",
    ),
    "noai": ngettext_lazy("%(n)s URL marked noai or noimageai", "%(n)s URLs marked noai or noimageai", "count"),
    "denied-host": ngettext_lazy(
        "%(n)s URL excluded by the operator's rules", "%(n)s URLs excluded by the operator's rules", "count"
    ),
    "scripted": ngettext_lazy(
        "%(n)s page runs scripts that may add pictures:", "%(n)s pages run scripts that may add pictures:", "count"
    ),
    "unrendered": ngettext_lazy(
        "%(n)s page was not rendered: the rendering budget of the run is used up.",
        "%(n)s pages were not rendered: the rendering budget of the run is used up.",
        "count",
    ),
    "unchanged": ngettext_lazy(
        "%(n)s known page was postponed to a later run: recent visits found no change.",
        "%(n)s known pages were postponed to a later run: recent visits found no change.",
        "count",
    ),
    "stated": ngettext_lazy(
        "%(n)s known page was postponed to a later run: the site reports no change.",
        "%(n)s known pages were postponed to a later run: the sites report no change.",
        "count",
    ),
    "stayed": ngettext_lazy(
        "%(n)s case unchanged because a member had decided it:",
        "%(n)s cases unchanged because a member had decided them:",
        "count",
    ),
    "licensed": ngettext_lazy("%(n)s case became licensed:", "%(n)s cases became licensed:", "count"),
    "cases not licensed": ngettext_lazy("%(n)s case not licensed", "%(n)s cases not licensed", "count"),
    "reopened": ngettext_lazy("%(n)s case reopened:", "%(n)s cases reopened:", "count"),
    "matches": ngettext_lazy("%(n)s match", "%(n)s matches", "count"),
    "cases to decide": ngettext_lazy("%(n)s awaiting decision", "%(n)s awaiting decision", "count"),
    "pictures examined": ngettext_lazy("%(n)s picture examined", "%(n)s pictures examined", "count"),
    "cases sealed": ngettext_lazy(
        "%(n)s case is sealed or being sealed.", "%(n)s cases are sealed or being sealed.", "count"
    ),
    "cases to license": ngettext_lazy(
        "%(n)s open case would become licensed.", "%(n)s open cases would become licensed.", "count"
    ),
    "cases to reopen": ngettext_lazy(
        "%(n)s case licensed through the licence ledger would be reopened.",
        "%(n)s cases licensed through the licence ledger would be reopened.",
        "count",
    ),
    "cases waiting": ngettext_lazy(
        "%(n)s case is awaiting a decision.", "%(n)s cases are awaiting a decision.", "count"
    ),
    "changes": ngettext_lazy("%(n)s change", "%(n)s changes", "count"),
    "minutes left": ngettext_lazy("About %(n)s minute left.", "About %(n)s minutes left.", "count"),
    "documents": ngettext_lazy("%(n)s document", "%(n)s documents", "count"),
    "downloads": ngettext_lazy("%(n)s download", "%(n)s downloads", "count"),
    "matches to review": ngettext_lazy("%(n)s match to review", "%(n)s matches to review", "count"),
    "files missing": ngettext_lazy("%(n)s file has not been received.", "%(n)s files have not been received.", "count"),
    "files waiting": ngettext_lazy(
        "%(n)s file is waiting to be registered. You can close this page; registration continues.",
        "%(n)s files are waiting to be registered. You can close this page; registration continues.",
        "count",
    ),
    "licences read": ngettext_lazy(
        "%(n)s licence was read. Nothing has been saved yet.",
        "%(n)s licences were read. Nothing has been saved yet.",
        "count",
    ),
    "rows without a file": ngettext_lazy(
        "%(n)s row of the table refers to a file that was not received:",
        "%(n)s rows of the table refer to files that were not received:",
        "count",
    ),
    "more cases": ngettext_lazy(
        "%(n)s more case belongs in another notice.", "%(n)s more cases belong in another notice.", "count"
    ),
    "more cases waiting": ngettext_lazy(
        "%(n)s more case is awaiting a decision.", "%(n)s more cases are awaiting a decision.", "count"
    ),
    "notices due": ngettext_lazy("%(n)s notice due", "%(n)s notices due", "count"),
    "sites": ngettext_lazy("Seen on %(n)s site.", "Seen on %(n)s sites.", "count"),
    "pages listed": ngettext_lazy("%(n)s page will be listed.", "%(n)s pages will be listed.", "count"),
    "pages over the limit": ngettext_lazy(
        "%(n)s page is over the limit for one notice.",
        "%(n)s pages are over the limit for one notice.",
        "count",
    ),
    "problems": ngettext_lazy(
        "One problem needs attention.", "%(n)s problems need attention, the most urgent first.", "count"
    ),
    "more items": ngettext_lazy("and %(n)s more", "and %(n)s more", "count"),
    "attempts": ngettext_lazy("%(n)s attempt", "%(n)s attempts", "count"),
    "works": ngettext_lazy("%(n)s work", "%(n)s works", "count"),
    "works changed": ngettext_lazy("%(n)s work was changed.", "%(n)s works were changed.", "count"),
    "works matching": ngettext_lazy("%(n)s matching work", "All %(n)s matching works", "count"),
    "works proposed": ngettext_lazy(
        "%(n)s picture on your own sites is proposed as a work.",
        "%(n)s pictures on your own sites are proposed as works.",
        "count",
    ),
    "files with metadata problems": ngettext_lazy(
        "The metadata of %(n)s file has problems.", "The metadata of %(n)s files has problems.", "count"
    ),
    "works related": ngettext_lazy(
        "%(n)s of these works shows the same content as another of your works.",
        "%(n)s of these works show the same content as other works of yours.",
        "count",
    ),
}
"""Messages that contain a number, by key."""


def grouped(number: int) -> str:
    """Format a number with thousands separators."""
    return number_format(number, force_grouping=True)


def counted(count: int, key: str) -> str:
    """Format a message that contains a number; ``key`` is a key of ``PLURAL_FORMS``."""
    return str(PLURAL_FORMS[key] % {"count": count, "n": grouped(count)})


def format_duration(seconds: float) -> str:
    """Format a duration in seconds, in the largest unit that fits at least twice."""
    for size, template in ((86_400, _("%(n)s days")), (3_600, _("%(n)s h")), (60, _("%(n)s min"))):
        if seconds >= 2 * size:
            return template % {"n": grouped(int(seconds // size))}
    return _("%(n)s s") % {"n": grouped(int(seconds))}


def money(amount: Money) -> str:
    """Format an exact amount with its currency."""
    number, currency = str(amount).split()
    return number_format(Decimal(number), force_grouping=True) + "\u00a0" + currency
