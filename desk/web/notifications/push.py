"""Push notifications about finds: subscribing browsers, recognised by a cookie, and removing them."""

from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from desk.web.common.access import person_of
from desk.web.common.pages import ErrorMessages
from desk.web.middleware.assets import asset
from desk.web.middleware.reader import YEAR, back
from exhibit.errors import NotFoundError
from registry.events import push_browsers, web_push
from registry.models import PushBrowser, User
from workers import wiring

COOKIE = "__Host-push" if settings.SESSION_COOKIE_SECURE else "push"
WORKER = "web/push-worker.js"


@dataclass(frozen=True, slots=True)
class Offer:
    """Data that a page needs to subscribe its browser."""

    key: str  # This installation's public key in the format of browsers.
    here: PushBrowser | None  # The current browser's subscription, if any.


def offer(request: HttpRequest) -> Offer | None:
    """Return the subscription data for this browser, or None if the operator has disabled push."""
    config = wiring.services().config
    if not config.push:
        return None
    subscription = push_browsers.browser_of(person_of(request), request.COOKIES.get(COOKIE, ""))
    return Offer(web_push.encode_public_key(web_push.application_key(config)), subscription)


@require_safe
@cache_control(no_cache=True)
def worker(_request: HttpRequest) -> HttpResponse:
    """Return the service worker at a stable URL. It controls no page, intercepts no request and stores nothing."""
    script = asset(WORKER)
    return HttpResponse(script.plain, content_type=script.media_type)


@require_POST
@login_required
def add_browser(request: HttpRequest) -> HttpResponse:
    """Subscribe this browser, which has granted permission."""
    answer, typed = back(request), request.POST
    with ErrorMessages(request):
        row = push_browsers.add_browser(
            wiring.services(), person_of(request), typed.get("endpoint", ""), typed.get("p256dh", ""),
            typed.get("auth", ""), user_agent=request.headers.get("User-Agent", ""),
            before=request.COOKIES.get(COOKIE, ""),
        )  # fmt: skip
        answer.set_cookie(
            COOKIE, str(row.identity), max_age=YEAR, httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
        messages.success(request, _("This browser receives notifications of new matches."))
    return answer


@require_POST
@login_required
def remove_browser(request: HttpRequest, number: int) -> HttpResponse:
    """Remove one of the person's browsers."""
    try:
        push_browsers.remove_browser(person_of(request), number)
    except NotFoundError as error:
        raise Http404(error.message) from error
    messages.success(request, _("That browser no longer receives notifications."))
    return back(request)


@receiver(user_logged_out)
def forget_browser(request: HttpRequest, user: User | None, **_kwargs: object) -> None:
    """Remove the subscription of a browser when its person signs out."""
    subscription = None if user is None else push_browsers.browser_of(user, request.COOKIES.get(COOKIE, ""))
    if subscription is not None:
        with suppress(NotFoundError):  # Another request removed it first.
            push_browsers.remove_browser(subscription.user, subscription.pk)
