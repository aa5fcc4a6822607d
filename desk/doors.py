"""The doors of the site: for each kind of address who is known there, how much a request may bring, and how often.

One table: by it the middleware refuses what is too large before it is parsed, and the rates of those who need no
account are these. The web server takes nothing larger than :data:`MAX_REQUEST`, from anybody.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from django.http import HttpRequest

KIB = 1024
MIB = 1024 * KIB
MAX_REQUEST = 128 * MIB
"""Bytes of a request of a member, its files included."""
MAX_TEXT = 4 * MIB
"""Bytes of a request without its files: of JSON, or of a form's fields."""
MAX_OF_NOBODY = MIB
"""Bytes of a request of whoever isn't known."""
MAX_WITH_PICTURE = 17 * MIB
"""Bytes of a form with one picture, where strangers may bring a large one."""
MAX_WITH_FILES = 61 * MIB
"""Bytes of a form with files, by whoever has the link of a notice."""


class Who(StrEnum):
    """Who is known at a door."""

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
    """A kind of address.

    Attributes:
        name: what it is for.
        addresses: a regular expression of the paths.
        who: who is known there.
        of_nobody: bytes of a request of anybody else.
        of_known: bytes of a request of whoever is known.
        rate: how often one address of the network asks, as allauth writes it; empty where callers are counted by
            themselves (``api_requests_a_minute``), or not at all.
        action: the name under which that is counted.
        rate_of_large: the same of requests larger than anybody's, which are counted besides.
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
        """The name under which large requests are counted; empty where they aren't."""
        return f"{self.action}-large" if self.rate_of_large else ""

    def most(self, request: HttpRequest) -> int:
        """Return how many bytes this request may have."""
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
"""The first whose addresses fit is the one that counts."""

RATES = {door.action: door.rate for door in DOORS if door.action} | {
    door.action_of_large: door.rate_of_large for door in DOORS if door.rate_of_large
}


def door_of(path: str) -> Door:
    """The door at which a path is."""
    return next(door for door in DOORS if door.pattern.match(path))
