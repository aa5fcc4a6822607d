"""Which browsers a person has signed in with: a cookie, so that a mail's link can open a page in this one."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from desk.web.middleware import Answer, middleware
from desk.web.middleware.reader import person_of
from registry.accounts import devices
from registry.models import User

_START = "__Host-" if settings.SESSION_COOKIE_SECURE else ""
COOKIE = f"{_START}device"


@middleware
def device(request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """Middleware that marks a browser while somebody is signed in, and takes the mark off with signing out."""
    before = person_of(request)
    response = answer(request)
    if before is None or not settings.CONFIG.mail_sign_in:
        return response
    if not isinstance(request.user, User):
        response.delete_cookie(COOKIE, samesite="Lax")
    elif not devices.knows(request.COOKIES.get(COOKIE, ""), request.user):
        response.set_cookie(
            COOKIE, devices.mark(request.user), max_age=devices.DEVICE_FOR, httponly=True, samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response
