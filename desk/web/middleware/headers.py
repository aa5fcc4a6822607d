"""What browsers are told of every answer: nothing but our own pictures, styles, scripts and forms belongs to a page."""

from django.http import HttpRequest, HttpResponseBase

from desk.web.middleware import Answer, middleware

_SOURCES = "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'"
POLICY = f"{_SOURCES}; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("accelerometer", "camera", "geolocation", "gyroscope", "microphone", "payment", "usb")
)


@middleware
def content_policy(request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """Middleware that adds the Content-Security-Policy: words of crawled pages can do nothing, whatever they are.

    What depends on who is signed in is kept by no proxy.
    """
    response = answer(request)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if "cookie" in response.headers.get("Vary", "").lower():
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
