"""What pages ask of rows."""

from collections.abc import Collection

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from desk.web.report_words import limits_of
from indexer.information import COMPOSED
from registry.revisits import is_past

register = template.Library()
register.filter("is_past", is_past)
register.filter("limits_of", limits_of)


@register.filter
def is_composed(reasons: Collection[str]) -> bool:
    """Whether a work is held back only because it was taken for a collage or a page."""
    return bool(reasons) and COMPOSED.issuperset(reasons)


KINDS: dict[str, Promise] = {
    "site": _("site, followed from here"),
    "sitemap": _("sitemap"),
    "feed": _("feed"),
    "list": _("page"),
    "folder": _("folder"),
    "warc": _("web archive"),
    "search": _("image search or marketplace, asked with your own key"),
}


@register.filter
def kind_in_words(kind: str) -> str:
    """What a source of a watch is."""
    return str(KINDS.get(kind, kind))
