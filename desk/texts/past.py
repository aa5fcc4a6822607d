"""Descriptions of a new work's searches among images seen before, and of works that show the same image."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, pgettext

from desk.texts.numbers import grouped
from registry.works.relations import Related

RELATIONS: dict[str, Promise] = {
    "duplicate": gettext_lazy("It shows the same picture, in another file."),
    "part-of": gettext_lazy("This work is a part of it."),
    "whole-of": gettext_lazy("It is a part of this work."),
    "series": gettext_lazy("It shows the same scene, as another photograph or a changed copy would."),
}
"""Sentences about another work, by its relation to a work."""


def search_in_words(search: Mapping[str, Any]) -> str:
    """Describe the search of one registered image, as returned by :func:`desk.schemas.works.searches_of`."""
    if "alike" not in search:
        return _("Given up.") if search["state"] == "failed" else _("Waits for the workers.")
    if "stopped" in search:
        return _(
            "More than %(most)s pictures resemble these fingerprints: they say too little, and nothing is looked for "
            "by them any more. Register the picture itself."
        ) % {"most": search["stopped"]}
    alike, compared, over = search["alike"], search.get("compared", 0), search["state"] == "done"
    if not alike:
        return _("No picture seen before resembles it.")
    parts = [_("%(compared)s compared") % {"compared": grouped(compared)}]
    if search.get("expired"):
        counts = {"expired": grouped(search["expired"]), "asked": grouped(search["asked_again"])}
        parts.append(_("%(expired)s had expired, %(asked)s of them asked for again") % counts)
    if search["state"] == "failed":
        parts.append(_("given up"))
    elif not over and search["state"] == "todo" and "at_once" in search:
        parts.append(_("the less alike follow when every new work has got so far"))
    elif not over:
        parts.append(_("under way"))
    together = {"alike": grouped(alike), "told": pgettext("between parts of a sentence", ", ").join(parts)}
    return _("Pictures seen before that resemble it: %(alike)s; %(told)s.") % together


def relation_in_words(related: Related) -> str:
    """Describe the relation of another work of the same owner to the current one."""
    return str(RELATIONS[related.kind])
