"""Security headers of every response. Pages may only use this site's own images, styles, scripts and forms."""

from django.http import HttpRequest, HttpResponseBase

from desk.web.middleware import GetResponse, middleware

_SOURCES = "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'"
POLICY = f"{_SOURCES}; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("accelerometer", "camera", "geolocation", "gyroscope", "microphone", "payment", "usb")
)


@middleware
def security_headers(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """Add the Content-Security-Policy, which makes text from crawled pages harmless.

    Responses that depend on the session must not be stored by proxies.
    """
    response = get_response(request)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if "cookie" in response.headers.get("Vary", "").lower():
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response
