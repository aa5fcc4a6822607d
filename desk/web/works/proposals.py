"""Proposed works: pictures on an owner's own sites that match no work and can be registered."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from desk.texts.numbers import grouped
from desk.web.common.pages import decider_post, get_page, member_page
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry.matches import proposals as registry_proposals
from registry.models import Owner, Watch
from workers import wiring

TICK_OPTIONS = (("", gettext_lazy("Default")), ("all", gettext_lazy("All")), ("none", gettext_lazy("None")))


@member_page("web/proposals.html")
def proposals(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the proposals with their files' metadata. Likely logos, icons and small copies are not preselected."""
    tick = request.GET.get("tick", "")
    page = get_page(
        request,
        registry_proposals.list_open_proposals(owner).order_by("plain", "-pk"),
        size=registry_proposals.MAX_AT_ONCE,
    )
    return {
        "page": page,
        "is_full": page.paginator.count >= registry_proposals.MAX_OPEN,
        "rows": [
            (row, registry_proposals.get_file_name(row), {"": not row.plain, "none": False}.get(tick, True))
            for row in page
        ],
        "ticks": TICK_OPTIONS,
        "tick": tick if tick in dict(TICK_OPTIONS) else "",
        "watches": Watch.objects.filter(owner=owner, own=True, removed_at=None).order_by("number"),
    }


@decider_post(back="proposals")
def decide(request: HttpRequest, owner: Owner) -> HttpResponse | None:
    """Register or dismiss the selected proposals."""
    digests, by = _parse_digests(request.POST.getlist("picture")), request.user.get_username()
    if request.POST.get("do") == "dismiss":
        dismissed_count = registry_proposals.dismiss_proposals(owner, digests, by=by)
        text = ngettext(
            "%(n)s picture is no longer proposed.", "%(n)s pictures are no longer proposed.", dismissed_count
        )
        messages.success(request, text % {"n": grouped(dismissed_count)})
        return None
    upload = registry_proposals.register_proposals(wiring.services(), owner, digests, by=by)
    return redirect("upload", slug=owner.slug, number=upload.number)


def _parse_digests(texts: Iterable[str]) -> list[Digest]:
    try:
        return [Digest.from_hex(text) for text in texts]
    except ValueError as error:
        raise InvalidRequestError(_("Select at least one picture.")) from error
