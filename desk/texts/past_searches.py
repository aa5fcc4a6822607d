"""Descriptions of a new work's searches among images seen before, and of works that show the same image."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, pgettext

from desk.texts.numbers import grouped
from registry.works.relations import Related

RELATIONS: dict[str, Promise] = {
    "duplicate": gettext_lazy("It shows the same picture in another file."),
    "part-of": gettext_lazy("This work is part of it."),
    "whole-of": gettext_lazy("It is part of this work."),
    "series": gettext_lazy("It shows the same scene, either as another photograph or as an altered copy."),
}
"""Sentences about another work, by its relation to a work."""


def search_in_words(search: Mapping[str, Any]) -> str:
    """Describe the search of one registered image, as returned by :func:`desk.schemas.works.searches_of`."""
    if "alike" not in search:
        return (
            _("Failed. There are no further attempts.")
            if search["state"] == "failed"
            else _("Waiting to be processed.")
        )
    if "stopped" in search:
        return _(
            "More than %(most)s pictures resemble these fingerprints. The fingerprints are too unspecific "
            "and are no longer used for searches. Register the picture itself."
        ) % {"most": search["stopped"]}
    alike, compared_count, is_done = search["alike"], search.get("compared", 0), search["state"] == "done"
    if not alike:
        return _("No similar picture has been seen before.")
    parts = [_("%(compared)s compared") % {"compared": grouped(compared_count)}]
    if search.get("expired"):
        counts = {"expired": grouped(search["expired"]), "asked": grouped(search["asked_again"])}
        parts.append(_("%(expired)s had expired, of which %(asked)s were requested again") % counts)
    if search["state"] == "failed":
        parts.append(_("failed"))
    elif not is_done and search["state"] == "todo" and "at_once" in search:
        parts.append(_("less similar pictures follow when all new works have reached this step"))
    elif not is_done:
        parts.append(_("in progress"))
    values = {"alike": grouped(alike), "told": pgettext("between parts of a sentence", ", ").join(parts)}
    return _("Similar pictures seen before: %(alike)s; %(told)s.") % values


def relation_in_words(related: Related) -> str:
    """Describe the relation of another work of the same owner to the current one."""
    return str(RELATIONS[related.kind])
