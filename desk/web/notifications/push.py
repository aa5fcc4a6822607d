"""Push notifications about new matches: adding and removing subscriptions of browsers, recognised by a cookie."""

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

from desk.web.common.access import get_user
from desk.web.common.pages import ErrorMessages
from desk.web.middleware.assets import get_asset
from desk.web.middleware.reader import YEAR_SECONDS, redirect_back
from exhibit.errors import NotFoundError
from registry.events import push_subscriptions, web_push
from registry.models import PushSubscription, User
from workers import wiring

PUSH_COOKIE = "__Host-push" if settings.SESSION_COOKIE_SECURE else "push"
WORKER_ASSET = "web/push-worker.js"


@dataclass(frozen=True, slots=True)
class PushSetup:
    """Data that a page needs to subscribe its browser."""

    key: str  # This installation's public key, in the format that browsers expect.
    subscription: PushSubscription | None  # The current browser's subscription, if any.


def get_push_setup(request: HttpRequest) -> PushSetup | None:
    """Return the subscription data for this browser, or None if the operator has disabled push."""
    config = wiring.services().config
    if not config.push:
        return None
    subscription = push_subscriptions.find_push_browser(get_user(request), request.COOKIES.get(PUSH_COOKIE, ""))
    return PushSetup(web_push.encode_public_key(web_push.derive_application_key(config)), subscription)


@require_safe
@cache_control(no_cache=True)
def worker(_request: HttpRequest) -> HttpResponse:
    """Return the service worker at a stable URL. It controls no page, intercepts no request and stores nothing."""
    script = get_asset(WORKER_ASSET)
    return HttpResponse(script.content, content_type=script.media_type)


@require_POST
@login_required
def add_browser(request: HttpRequest) -> HttpResponse:
    """Subscribe this browser to push notifications, after the user has granted permission."""
    response, fields = redirect_back(request), request.POST
    with ErrorMessages(request):
        row = push_subscriptions.add_browser(
            wiring.services(), get_user(request), fields.get("endpoint", ""), fields.get("p256dh", ""),
            fields.get("auth", ""), user_agent=request.headers.get("User-Agent", ""),
            former_identity=request.COOKIES.get(PUSH_COOKIE, ""),
        )  # fmt: skip
        response.set_cookie(
            PUSH_COOKIE, str(row.identity), max_age=YEAR_SECONDS, httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
        messages.success(request, _("This browser receives notifications of new matches."))
    return response


@require_POST
@login_required
def remove_browser(request: HttpRequest, number: int) -> HttpResponse:
    """Remove the push subscription of one of the user's browsers."""
    try:
        push_subscriptions.remove_browser(get_user(request), number)
    except NotFoundError as error:
        raise Http404(error.message) from error
    messages.success(request, _("That browser no longer receives notifications."))
    return redirect_back(request)


@receiver(user_logged_out)
def forget_browser(request: HttpRequest, user: User | None, **_kwargs: object) -> None:
    """Remove the push subscription of a browser when its user signs out."""
    subscription = (
        None if user is None else push_subscriptions.find_push_browser(user, request.COOKIES.get(PUSH_COOKIE, ""))
    )
    if subscription is not None:
        with suppress(NotFoundError):  # Another request removed it first.
            push_subscriptions.remove_browser(subscription.user, subscription.pk)
