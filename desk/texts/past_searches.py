"""Descriptions of a new work's searches among previously seen pictures, and of works that show the same picture."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, pgettext

from desk.texts.numbers import grouped
from registry.works.relations import RelatedWork

RELATION_SENTENCES: dict[str, Promise] = {
    "duplicate": gettext_lazy("The other work shows the same picture in another file."),
    "part-of": gettext_lazy("This work is part of the other work."),
    "whole-of": gettext_lazy("The other work is part of this work."),
    "series": gettext_lazy("The other work shows the same scene, either as another photograph or as an altered copy."),
}
"""Sentences about another work, by its relation to a work."""


def describe_search(search: Mapping[str, Any]) -> str:
    """Describe the search for one registered picture, as returned by :func:`desk.schemas.works.list_searches`."""
    if "alike" not in search:
        return (
            _("Failed. There are no further attempts.")
            if search["state"] == "failed"
            else _("Waiting to be processed.")
        )
    if "stopped" in search:
        return _(
            "More than %(most)s pictures are similar to these fingerprints. The fingerprints are not "
            "specific enough and are no longer used for searches. Register the picture itself."
        ) % {"most": search["stopped"]}
    similar_count, compared_count, is_done = search["alike"], search.get("compared", 0), search["state"] == "done"
    if not similar_count:
        return _("No previously seen picture is similar.")
    parts = [_("%(compared)s compared") % {"compared": grouped(compared_count)}]
    if search.get("expired"):
        counts = {"expired": grouped(search["expired"]), "requested": grouped(search["requested_again"])}
        parts.append(_("%(expired)s no longer stored, of which %(requested)s were requested again") % counts)
    if search["state"] == "failed":
        parts.append(_("failed"))
    elif not is_done and search["state"] == "queued" and "at_once" in search:
        parts.append(
            _("the less similar pictures are compared later, after the most similar pictures of every new work")
        )
    elif not is_done:
        parts.append(_("in progress"))
    values = {"alike": grouped(similar_count), "told": pgettext("between parts of a sentence", ", ").join(parts)}
    return _("Similar previously seen pictures: %(alike)s; %(told)s.") % values


def describe_relation(related: RelatedWork) -> str:
    """Describe the relation of another work of the same owner to the current one."""
    return str(RELATION_SENTENCES[related.kind])
