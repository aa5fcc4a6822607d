"""Review of finds one at a time on a phone: image pair, sentence and buttons; and the web app manifest."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from desk.texts import cases as case_words
from desk.web.cases.queue import LAST, case_items, decide_from_form
from desk.web.common.access import may_decide, parse_number, person_of
from desk.web.common.pages import ErrorMessages, decider_post, member_page, show
from desk.web.notifications import push
from exhibit.clock import now
from registry import scoped
from registry.cases import queue
from registry.cases.decisions import UNDO_FOR
from registry.cases.queue import CaseFilter
from registry.models import Case, Owner

ICONS = (("web/icon-192.png", "192x192"), ("web/icon-512.png", "512x512"))
THEME_COLOUR = "#1b5e84"
"""Colour of the icon and of the app's title bar."""
UNDO_TIME = timedelta(minutes=5)
"""Time during which the last decision can be undone here; later on the case's page."""


@require_safe
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Redirect the app's start page to the owner with the most waiting finds."""
    owners = scoped.owners_of(person_of(request))
    if not owners:
        return redirect("owners")
    return redirect("finds", slug=max(owners, key=queue.count_waiting).slug)


@member_page()
@cache_control(private=True, no_store=True)
def finds(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show one waiting find, after the skipped ones, with a button to undo the last decision."""
    remaining = queue.count_waiting(owner)
    skip = min(parse_number(request.GET.get("skip")) or 0, max(remaining - 1, 0))
    next_cases = [row.case for row in queue.list_in_groups(owner, CaseFilter(), skip, 1)]
    values = {
        "left": remaining,
        "item": next(iter(case_items(owner, next_cases)), None),
        "undo_for": UNDO_FOR.seconds,
        "skip": skip,
        "later": skip + 1 if skip + 1 < remaining else None,
        "last": _last_decided(request, owner) if may_decide(owner) else None,
        "push": push.offer(request),
        "others": [other_owner for other_owner in scoped.owners_of(person_of(request)) if other_owner != owner],
    }
    return show(request, owner, "web/finds.html", values)


def _last_decided(request: HttpRequest, owner: Owner) -> Case | None:
    numbers = request.session.get(LAST, {}).get(owner.slug, [])
    decided_cases = scoped.cases(owner).filter(number__in=numbers[:1], decided_by=request.user.get_username())
    return decided_cases.filter(decided_at__gt=now() - UNDO_TIME).exclude(decision=Case.Decision.OPEN).first()


@decider_post()
def decide_find(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Decide a find or undo the last decision, then show the next find."""
    with ErrorMessages(request):
        for outcome in decide_from_form(request, owner)[1]:
            if not outcome.done:
                messages.warning(request, case_words.describe_prior_decision(outcome.case))
    skip, first = parse_number(request.POST.get("skip")) or 0, reverse("finds", args=[owner.slug])
    return redirect(f"{first}?skip={skip}" if skip else first)


@require_safe
@cache_control(max_age=3600)
def manifest(_request: HttpRequest) -> JsonResponse:
    """Return the manifest for installing the site as an app (W3C Web Application Manifest)."""
    icons = [
        {"src": static(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes in ICONS
        for purpose in ("any", "maskable")
    ]
    about = {"id": reverse("start"), "start_url": reverse("start"), "scope": reverse("home"), "display": "standalone"}
    names = {
        "name": "Exhibit",
        "short_name": "Exhibit",
        "description": _("Matches of your pictures to review and decide."),
    }
    colours = {"theme_color": THEME_COLOUR, "background_color": "#ffffff"}
    content = {**names, **about, **colours, "lang": get_language(), "icons": icons}
    return JsonResponse(content, content_type="application/manifest+json")
