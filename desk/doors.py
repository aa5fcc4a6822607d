"""Access classes of URLs: who is identified there, and limits on request size and rate.

This single table is used by the middleware, which rejects large requests before parsing them, and for the rates of
endpoints without accounts. The web server accepts at most :data:`MAX_REQUEST` from anybody.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from django.http import HttpRequest

KIB = 1024
MIB = 1024 * KIB
MAX_REQUEST = 128 * MIB
"""Maximum bytes of a member's request, including files."""
MAX_TEXT = 4 * MIB
"""Maximum bytes of a request without files: JSON or form fields."""
MAX_OF_NOBODY = MIB
"""Maximum bytes of an unidentified caller's request."""
MAX_WITH_PICTURE = 17 * MIB
"""Maximum bytes of a form with one image, where strangers may upload a large one."""
MAX_WITH_FILES = 61 * MIB
"""Maximum bytes of a form with files from the holder of a notice's link."""


class Who(StrEnum):
    """Identification required for the higher limit."""

    MEMBER = "a member who is signed in, or a token of the API"
    CONTRIBUTOR = "the token of a contributor"
    PARTNER = "a partner's signature over the body"
    READER = "the link of a notice"
    NOBODY = "nobody"


def _shown(request: HttpRequest) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _is_member(request: HttpRequest) -> bool:
    from registry.members import tokens

    return request.user.is_authenticated or tokens.find(_shown(request)) is not None


def _is_contributor(request: HttpRequest) -> bool:
    from registry.edge import contributors

    return contributors.find(_shown(request)) is not None


def _is_reader(request: HttpRequest) -> bool:
    from registry.notices import replies

    return replies.find(request.path.rpartition("/")[2]) is not None


_KNOWS: dict[Who, Callable[[HttpRequest], bool]] = {
    Who.MEMBER: _is_member,
    Who.CONTRIBUTOR: _is_contributor,
    Who.READER: _is_reader,
}


@dataclass(frozen=True, slots=True)
class Door:
    """A class of URLs.

    Attributes:
        name: Purpose of the URLs.
        addresses: Regular expression of the paths.
        who: Identification that raises the size limit.
        of_nobody: Maximum bytes of a request without that identification.
        of_known: Maximum bytes of a request with it.
        rate: Rate limit per network address in allauth's format; empty where callers are limited individually
            (``api_requests_a_minute``) or not at all.
        action: Name of the rate limit.
        rate_of_large: Additional rate limit of requests that exceed ``MAX_OF_NOBODY``.
    """

    name: str
    addresses: str
    who: Who
    of_nobody: int = MAX_OF_NOBODY
    of_known: int = MAX_OF_NOBODY
    rate: str = ""
    action: str = ""
    rate_of_large: str = ""
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.addresses))

    @property
    def action_of_large(self) -> str:
        """Name of the rate limit for large requests; empty if there is none."""
        return f"{self.action}-large" if self.rate_of_large else ""

    def most(self, request: HttpRequest) -> int:
        """Return the maximum number of bytes of this request."""
        is_known = self.who in _KNOWS and _KNOWS[self.who](request)
        return self.of_known if is_known else self.of_nobody


DOORS = (
    Door("results of contributors", "/api/v1/edge/", Who.CONTRIBUTOR, of_known=MAX_TEXT),
    Door("calls of partners", "/api/v1/alliance/", Who.PARTNER),
    Door(
        "whose a picture is", "(/api/v1/id|/id/)$", Who.NOBODY, of_nobody=MAX_WITH_PICTURE,
        rate="10/m/ip,100/h/ip", action="asked",
    ),
    Door("pictures of notices", "/n/[^/]+/", Who.NOBODY, rate="120/m/ip", action="reply-pictures"),
    Door(
        "answers to notices", "/n/", Who.READER, of_known=MAX_WITH_FILES,
        rate="30/m/ip", action="reply", rate_of_large="10/m/ip,60/h/ip",
    ),
    Door("pictures for soft bindings", "/c2pa/matches/byContent", Who.NOBODY, rate="10/m/ip", action="content"),
    Door("heads of logs", "/witness/add-checkpoint", Who.NOBODY, rate="60/m/ip", action="head"),
    Door("invitations", "/invitations/", Who.NOBODY, rate="20/m/ip", action="invitation"),
    Door("links and public pages", "/(c2pa|pdq|id|witness|d|mail)/", Who.NOBODY, rate="60/m/ip", action="link"),
    Door("the API", "/api/", Who.MEMBER, of_known=MAX_REQUEST),
    Door("the site", "/", Who.MEMBER, of_known=MAX_REQUEST),
)  # fmt: skip
"""The first match applies."""

RATES = {door.action: door.rate for door in DOORS if door.action} | {
    door.action_of_large: door.rate_of_large for door in DOORS if door.rate_of_large
}


def door_of(path: str) -> Door:
    """Return the access class of a path."""
    return next(door for door in DOORS if door.pattern.match(path))
