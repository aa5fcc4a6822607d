"""The reader's language and time zone (the browser's unless the person has chosen), and recognition of the browser."""

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

ZONE = "zone"
"""Cookie in which a script stores the browser's time zone."""
YEAR = 365 * 24 * 3600


@middleware
def reader(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Activate the reader's language and time zone.

    Both are stored for signed-in persons, for their emails.
    """
    person, zone = person_of(request), request.COOKIES.get(ZONE, "")
    zone = zone if zone in _zones() else ""
    if person is not None:
        preferences = {"time_zone": zone or person.time_zone, "browser_language": translation.get_language() or ""}
        if any(getattr(person, name) != value for name, value in preferences.items()):
            User.objects.filter(pk=person.pk).update(**preferences)
        zone = zone or person.time_zone
        if person.language:
            translation.activate(person.language)
            request.LANGUAGE_CODE = translation.get_language()
    with timezone.override(zone or settings.TIME_ZONE):
        return get_response(request)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Change the language of the site for this browser and for the signed-in person."""
    language = request.POST.get("language", "")
    response = back(request)
    if language in dict(settings.LANGUAGES):
        person = person_of(request)
        if person is not None:
            User.objects.filter(pk=person.pk).update(language=language)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=YEAR,
            samesite="Lax",
            secure=settings.LANGUAGE_COOKIE_SECURE,
        )
    return response


@require_POST
@login_required
def choose_blur(request: HttpRequest) -> HttpResponse:
    """Turn the blurring of found images on or off."""
    person = person_of(request)
    if person is not None:
        User.objects.filter(pk=person.pk).update(blurs=request.POST.get("blur") == "on")
    return back(request)


def back(request: HttpRequest) -> HttpResponse:
    """Redirect to the referring page."""
    back = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return redirect(back if safe else "home")


def person_of(request: HttpRequest) -> User | None:
    """Return the signed-in person. Without a session cookie nothing is queried, so public responses stay uniform."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    return request.user if isinstance(request.user, User) else None


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


_COOKIE_PREFIX = "__Host-" if settings.SESSION_COOKIE_SECURE else ""
COOKIE = f"{_COOKIE_PREFIX}device"


@middleware
def device(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Mark a browser with a cookie while somebody is signed in; remove the mark at sign-out."""
    before = person_of(request)
    response = get_response(request)
    if before is None or not settings.CONFIG.mail_sign_in:
        return response
    if not isinstance(request.user, User):
        response.delete_cookie(COOKIE, samesite="Lax")
    elif not devices.is_known_device(request.COOKIES.get(COOKIE, ""), request.user):
        response.set_cookie(
            COOKIE, devices.make_device_mark(request.user), max_age=devices.DEVICE_MAX_AGE,
            httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response
