"""Review of matches one at a time on a phone: both pictures, a description and buttons; and the web app manifest."""

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

from desk.texts import cases as case_texts
from desk.web.cases.queue import LAST_DECISIONS_KEY, build_case_items, decide_from_form
from desk.web.common.access import get_user, may_decide, parse_number
from desk.web.common.pages import ErrorMessages, decider_post, member_page, render_page
from desk.web.notifications import push
from exhibit.clock import now
from registry import scoped
from registry.cases import queue
from registry.cases.decisions import UNDO_PERIOD
from registry.cases.queue import CaseFilter
from registry.models import Case, Owner

ICONS = (("web/icon-192.png", "192x192"), ("web/icon-512.png", "512x512"))
THEME_COLOUR = "#1b5e84"
"""Colour of the icon and of the app's title bar."""
UNDO_TIME = timedelta(minutes=5)
"""Time during which this page offers to undo the last decision. The case page offers it longer."""


@require_safe
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Redirect the app's start page to the owner with the most matches to review."""
    owners = scoped.list_owners(get_user(request))
    if not owners:
        return redirect("owners")
    return redirect("finds", slug=max(owners, key=queue.count_pending_cases).slug)


@member_page()
@cache_control(private=True, no_store=True)
def review_matches(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the next match to review, after the skipped ones, with a button to undo the last decision."""
    remaining = queue.count_pending_cases(owner)
    skip = min(parse_number(request.GET.get("skip")) or 0, max(remaining - 1, 0))
    next_cases = [row.case for row in queue.list_in_groups(owner, CaseFilter(), skip, 1)]
    values = {
        "left": remaining,
        "item": next(iter(build_case_items(owner, next_cases)), None),
        "undo_for": UNDO_PERIOD.seconds,
        "skip": skip,
        "later": skip + 1 if skip + 1 < remaining else None,
        "last": _find_last_decided_case(request, owner) if may_decide(owner) else None,
        "push": push.get_push_setup(request),
        "others": [other_owner for other_owner in scoped.list_owners(get_user(request)) if other_owner != owner],
    }
    return render_page(request, owner, "web/finds.html", values)


def _find_last_decided_case(request: HttpRequest, owner: Owner) -> Case | None:
    numbers = request.session.get(LAST_DECISIONS_KEY, {}).get(owner.slug, [])
    decided_cases = scoped.list_owner_cases(owner).filter(
        number__in=numbers[:1], decided_by=request.user.get_username()
    )
    return decided_cases.filter(decided_at__gt=now() - UNDO_TIME).exclude(decision=Case.Decision.OPEN).first()


@decider_post()
def decide_match(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Decide a match or undo the last decision, then show the next match."""
    with ErrorMessages(request):
        for outcome in decide_from_form(request, owner)[1]:
            if not outcome.is_applied:
                messages.warning(request, case_texts.describe_prior_decision(outcome.case))
    skip, url = parse_number(request.POST.get("skip")) or 0, reverse("finds", args=[owner.slug])
    return redirect(f"{url}?skip={skip}" if skip else url)


@require_safe
@cache_control(max_age=3600)
def manifest(_request: HttpRequest) -> JsonResponse:
    """Return the manifest for installing the site as an app (W3C Web Application Manifest)."""
    icons = [
        {"src": static(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
        for name, sizes in ICONS
        for purpose in ("any", "maskable")
    ]
    app_urls = {
        "id": reverse("start"),
        "start_url": reverse("start"),
        "scope": reverse("home"),
        "display": "standalone",
    }
    names = {
        "name": "Exhibit",
        "short_name": "Exhibit",
        "description": _("Review matches of your pictures and decide what to do about them."),
    }
    colours = {"theme_color": THEME_COLOUR, "background_color": "#ffffff"}
    content = {**names, **app_urls, **colours, "lang": get_language(), "icons": icons}
    return JsonResponse(content, content_type="application/manifest+json")
