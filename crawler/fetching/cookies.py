"""Cookies within one crawl, as a visitor's browser keeps them; they are forgotten with it."""

from collections import OrderedDict
from contextlib import suppress
from http.cookiejar import Cookie, DefaultCookiePolicy
from typing import TypeAlias

from scrapy import Request
from scrapy.http.cookies import CookieJar

from crawler.fetching.answers import Response
from exhibit.network.addresses import host_of, registrable_domain
from exhibit.types import Untyped

_MAX_SIZE = 4_096
_MAX_EACH = 50
_MAX_PARTIES = 200

_Key: TypeAlias = tuple[str, str, str]


class Cookies:
    """Keeps what servers set, and sends it back to them: some answer nobody without a cookie (RFC 6265).

    One that finds none of its own redirects without end. Each party has few and small
    ones, so that no server fills the memory.
    """

    def __init__(self) -> None:
        policy = _Policy()
        self._jar = policy.jar = CookieJar(policy)

    def process_request(self, request: Request) -> None:
        """Send what belongs to this address; a redirect brings the header of the address before."""
        request.headers.pop("Cookie", None)
        self._jar.add_cookie_header(request)

    def process_response(self, request: Request, response: Response) -> Response:
        """Keep what the server sets."""
        if "Set-Cookie" in response.headers:
            self._jar.extract_cookies(response, request)
        return response


class _Policy(DefaultCookiePolicy):
    """Refuses cookies for a whole public suffix and large ones, and over http those that are for https alone.

    The source is RFC 6265bis, 5.7 (draft 20), its steps "public suffix" and "leave secure cookies alone". The oldest
    give way to new ones.
    """

    jar: CookieJar

    def __init__(self) -> None:
        super().__init__(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)  # to no host below
        self._kept: OrderedDict[str, OrderedDict[_Key, None]] = OrderedDict()

    def set_ok(self, cookie: Cookie, request: Untyped) -> bool:
        """Whether a cookie is kept."""
        domain = cookie.domain.strip(".")
        below = f"x.{domain}"
        host = host_of(request.get_full_url())
        if cookie.domain_specified and domain == host and registrable_domain(below) == below:
            cookie.domain_specified, cookie.domain_initial_dot = False, False  # a single host: nobody is below it
            cookie.domain = host if "." in host else f"{host}.local"  # as the jar names such a host
        if cookie.domain_specified and registrable_domain(below) == below:
            return False
        if len(cookie.name) + len(cookie.value or "") + len(cookie.path) > _MAX_SIZE:
            return False
        if request.type != "https" and (cookie.secure or self._hides_secure(cookie)):
            return False
        if not super().set_ok(cookie, request):
            return False
        kept = self._kept.setdefault(registrable_domain(domain), OrderedDict())
        kept[cookie.domain, cookie.path, cookie.name] = None
        if len(kept) > _MAX_EACH:
            self._forget(kept.popitem(last=False)[0])
        if len(self._kept) > _MAX_PARTIES:
            for key in self._kept.popitem(last=False)[1]:
                self._forget(key)
        return True

    def _hides_secure(self, cookie: Cookie) -> bool:
        """Whether a cookie of this name that is for https alone lies where this one would be sent to."""
        domain, path = cookie.domain.strip("."), cookie.path.rstrip("/")
        return any(
            kept.secure
            and kept.name == cookie.name
            and (f".{domain}".endswith(f".{(at := kept.domain.strip('.'))}") or f".{at}".endswith(f".{domain}"))
            and f"{path}/".startswith(f"{kept.path.rstrip('/')}/")
            for kept in self.jar
        )

    def _forget(self, key: _Key) -> None:
        with suppress(KeyError):  # the server has taken it back
            self.jar.clear(*key)
