"""How far the search of what was seen before a registration is, in a sentence."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from desk.texts.numbers import grouped


def search_in_words(search: Mapping[str, Any]) -> str:
    """One registered picture's search, as :func:`desk.schemas.works.searches_of` tells it."""
    if "alike" not in search:
        return _("Given up.") if search["state"] == "failed" else _("Waits for the workers.")
    alike, compared, over = search["alike"], search.get("compared", 0), search["state"] == "done"
    if not alike:
        return _("No picture seen before resembles it.")
    told = [_("%(compared)s compared") % {"compared": grouped(compared)}]
    if search.get("expired"):
        counts = {"expired": grouped(search["expired"]), "asked": grouped(search["asked_again"])}
        told.append(_("%(expired)s had expired, %(asked)s of them asked for again") % counts)
    if search["state"] == "failed":
        told.append(_("given up"))
    elif not over:
        told.append(_("under way"))
    together = {"alike": grouped(alike), "told": pgettext("between parts of a sentence", ", ").join(told)}
    return _("Pictures seen before that resemble it: %(alike)s; %(told)s.") % together
