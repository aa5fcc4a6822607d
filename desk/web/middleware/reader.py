"""The reader's language and time zone (the browser's, unless the user has chosen), and recognition of browsers."""

import zoneinfo
from functools import cache

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from desk.web.middleware import GetResponse, middleware
from registry.members import devices
from registry.models import User

ZONE_COOKIE = "zone"
"""Cookie in which a script stores the browser's time zone."""
YEAR_SECONDS = 365 * 24 * 3600


@middleware
def activate_preferences(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Activate the reader's language and time zone.

    Both are stored for signed-in users and used in their emails.
    """
    user, zone = find_user(request), request.COOKIES.get(ZONE_COOKIE, "")
    zone = zone if zone in _load_zones() else ""
    if user is not None:
        preferences = {"time_zone": zone or user.time_zone, "browser_language": translation.get_language() or ""}
        if any(getattr(user, name) != value for name, value in preferences.items()):
            User.objects.filter(pk=user.pk).update(**preferences)
        zone = zone or user.time_zone
        if user.language:
            translation.activate(user.language)
            request.LANGUAGE_CODE = translation.get_language()
    with timezone.override(zone or settings.TIME_ZONE):
        return get_response(request)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Change the language of the site for this browser and for the signed-in user."""
    language = request.POST.get("language", "")
    response = redirect_back(request)
    if language in dict(settings.LANGUAGES):
        user = find_user(request)
        if user is not None:
            User.objects.filter(pk=user.pk).update(language=language)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=YEAR_SECONDS,
            samesite="Lax",
            secure=settings.LANGUAGE_COOKIE_SECURE,
        )
    return response


@require_POST
@login_required
def choose_blur(request: HttpRequest) -> HttpResponse:
    """Turn the blurring of found pictures on or off."""
    user = find_user(request)
    if user is not None:
        User.objects.filter(pk=user.pk).update(blurs=request.POST.get("blur") == "on")
    return redirect_back(request)


def redirect_back(request: HttpRequest) -> HttpResponse:
    """Redirect to the referring page."""
    referrer = request.headers.get("Referer", "")
    is_safe = url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure())
    return redirect(referrer if is_safe else "home")


def find_user(request: HttpRequest) -> User | None:
    """Return the signed-in user, or None.

    Without a session cookie the session is not accessed, so that public responses do not vary by cookie.
    """
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    return request.user if isinstance(request.user, User) else None


@cache
def _load_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


_COOKIE_PREFIX = "__Host-" if settings.SESSION_COOKIE_SECURE else ""
DEVICE_COOKIE = f"{_COOKIE_PREFIX}device"


@middleware
def set_device_cookie(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Set a cookie that identifies the browser while a user is signed in; delete it at sign-out."""
    user = find_user(request)
    response = get_response(request)
    if user is None or not settings.CONFIG.mail_sign_in:
        return response
    if not isinstance(request.user, User):
        response.delete_cookie(DEVICE_COOKIE, samesite="Lax")
    elif not devices.is_known_device(request.COOKIES.get(DEVICE_COOKIE, ""), request.user):
        response.set_cookie(
            DEVICE_COOKIE, devices.make_device_token(request.user), max_age=devices.DEVICE_MAX_AGE,
            httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response
