"""Cookies within one crawl, as a browser keeps them; they are discarded at its end."""

from collections import OrderedDict
from contextlib import suppress
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import TypeAlias

from scrapy import Request
from scrapy.http.cookies import CookieJar

from crawler.fetching.responses import Response
from exhibit.network.addresses import get_registrable_domain, get_url_host
from exhibit.types import Untyped

_MAX_COOKIE_BYTES = 4_096
_MAX_COOKIES_PER_SITE = 50
_MAX_SITES = 200

_Key: TypeAlias = tuple[str, str, str]


class CookieMiddleware:
    """Stores cookies and sends them back to their servers (RFC 6265).

    Some servers redirect endlessly if their cookie is missing. The number and size of cookies per site are limited, so
    that no server can exhaust the memory.
    """

    def __init__(self) -> None:
        policy = _CookiePolicy()
        self._jar = policy.jar = CookieJar(policy)

    def process_request(self, request: Request) -> None:
        """Send the cookies for this URL; after a redirect, this replaces the header of the previous URL."""
        request.headers.pop("Cookie", None)
        self._jar.add_cookie_header(request)

    def process_response(self, request: Request, response: Response) -> Response:
        """Store the cookies that the server sets."""
        if "Set-Cookie" in response.headers:
            self._jar.extract_cookies(response, request)
        return response


class _CookiePolicy(DefaultCookiePolicy):
    """Rejects cookies for public suffixes, large cookies, and cookies over http that conflict with https-only ones.

    The source is RFC 6265bis, 5.7 (draft 20), steps "public suffix" and "leave secure cookies alone". New cookies
    replace the oldest.
    """

    jar: CookieJar

    def __init__(self) -> None:
        super().__init__(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)  # not sent to subdomains
        self._keys_by_site: OrderedDict[str, OrderedDict[_Key, None]] = OrderedDict()

    def set_ok(self, cookie: Cookie, request: Untyped) -> bool:
        """Return True if a cookie is accepted."""
        domain = cookie.domain.strip(".")
        subdomain = f"x.{domain}"
        host = get_url_host(request.get_full_url())
        if cookie.domain_specified and domain == host and get_registrable_domain(subdomain) == subdomain:
            cookie.domain_specified, cookie.domain_initial_dot = False, False  # a single host: it has no subdomains
            cookie.domain = host if "." in host else f"{host}.local"  # the jar's name for such a host
        if cookie.domain_specified and get_registrable_domain(subdomain) == subdomain:
            return False
        if len(cookie.name) + len(cookie.value or "") + len(cookie.path) > _MAX_COOKIE_BYTES:
            return False
        if request.type != "https" and (cookie.secure or self._conflicts_with_secure(cookie)):
            return False
        if not super().set_ok(cookie, request):
            return False
        keys = self._keys_by_site.setdefault(get_registrable_domain(domain), OrderedDict())
        keys[cookie.domain, cookie.path, cookie.name] = None
        if len(keys) > _MAX_COOKIES_PER_SITE:
            self._delete_cookie(keys.popitem(last=False)[0])
        if len(self._keys_by_site) > _MAX_SITES:
            for key in self._keys_by_site.popitem(last=False)[1]:
                self._delete_cookie(key)
        return True

    def _conflicts_with_secure(self, cookie: Cookie) -> bool:
        """Return True if an https-only cookie of this name exists where this one would be sent."""
        domain, path = cookie.domain.strip("."), cookie.path.rstrip("/")
        return any(
            stored_cookie.secure
            and stored_cookie.name == cookie.name
            and (
                f".{domain}".endswith(f".{(stored_domain := stored_cookie.domain.strip('.'))}")
                or f".{stored_domain}".endswith(f".{domain}")
            )
            and f"{path}/".startswith(f"{stored_cookie.path.rstrip('/')}/")
            for stored_cookie in self.jar
        )

    def _delete_cookie(self, key: _Key) -> None:
        with suppress(KeyError):  # the server may have deleted it
            self.jar.clear(*key)
