"""Access classes of URLs: the required identification, and limits on request size and rate.

The middleware uses this table to reject large requests before it parses them. The settings read the rate limits of
endpoints without accounts from it. The web server accepts at most :data:`MAX_REQUEST_BYTES` from any caller.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from django.http import HttpRequest

KIB = 1024
MIB = 1024 * KIB
MAX_REQUEST_BYTES = 128 * MIB
"""Maximum bytes of a member's request, including files."""
MAX_TEXT_BYTES = 4 * MIB
"""Maximum bytes of a request without files: JSON or form fields."""
MAX_ANONYMOUS_BYTES = MIB
"""Maximum bytes of an unidentified caller's request."""
MAX_PICTURE_REQUEST_BYTES = 17 * MIB
"""Maximum bytes of a form with one image, at endpoints where anonymous callers may upload a large image."""
MAX_FILES_REQUEST_BYTES = 61 * MIB
"""Maximum bytes of a form with files, sent through the reply link in a notice."""


class RequiredIdentity(StrEnum):
    """Identification required for the higher limit."""

    MEMBER = "a signed-in member, or an API token"
    CONTRIBUTOR = "a contributor token"
    PARTNER = "a partner's signature of the request body"
    READER = "the reply link in a notice"
    NOBODY = "nobody"


def _get_bearer_token(request: HttpRequest) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _is_member(request: HttpRequest) -> bool:
    from registry.members import tokens

    return request.user.is_authenticated or tokens.find_token(_get_bearer_token(request)) is not None


def _is_contributor(request: HttpRequest) -> bool:
    from registry.edge import contributors

    return contributors.find_contributor_by_token(_get_bearer_token(request)) is not None


def _is_reader(request: HttpRequest) -> bool:
    from registry.notices import replies

    return replies.find_notice(request.path.rpartition("/")[2]) is not None


_IDENTITY_CHECKS: dict[RequiredIdentity, Callable[[HttpRequest], bool]] = {
    RequiredIdentity.MEMBER: _is_member,
    RequiredIdentity.CONTRIBUTOR: _is_contributor,
    RequiredIdentity.READER: _is_reader,
}


@dataclass(frozen=True, slots=True)
class AccessClass:
    """A class of URLs.

    Attributes:
        name: Purpose of the URLs.
        path_pattern: Regular expression that matches the start of the paths.
        required_identity: Identification that raises the size limit.
        anonymous_max_bytes: Maximum bytes of a request without that identification.
        identified_max_bytes: Maximum bytes of a request with that identification.
        rate: Rate limit per IP address in allauth's format; empty where callers are limited individually
            (``api_requests_a_minute``) or not at all.
        action: Name of the rate limit.
        large_request_rate: Additional rate limit of requests that exceed ``MAX_ANONYMOUS_BYTES``.
    """

    name: str
    path_pattern: str
    required_identity: RequiredIdentity
    anonymous_max_bytes: int = MAX_ANONYMOUS_BYTES
    identified_max_bytes: int = MAX_ANONYMOUS_BYTES
    rate: str = ""
    action: str = ""
    large_request_rate: str = ""
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(self.path_pattern))

    @property
    def large_request_action(self) -> str:
        """Name of the rate limit for large requests; empty if there is none."""
        return f"{self.action}-large" if self.large_request_rate else ""

    def get_max_bytes(self, request: HttpRequest) -> int:
        """Return the maximum number of bytes of this request."""
        is_identified = self.required_identity in _IDENTITY_CHECKS and _IDENTITY_CHECKS[self.required_identity](request)
        return self.identified_max_bytes if is_identified else self.anonymous_max_bytes


ACCESS_CLASSES = (
    AccessClass("contributor results", "/api/v1/edge/", RequiredIdentity.CONTRIBUTOR,
    identified_max_bytes=MAX_TEXT_BYTES),
    AccessClass("partner requests", "/api/v1/alliance/", RequiredIdentity.PARTNER),
    AccessClass(
        "owner lookup", "(/api/v1/id|/id/)$", RequiredIdentity.NOBODY,
        anonymous_max_bytes=MAX_PICTURE_REQUEST_BYTES,
        rate="10/m/ip,100/h/ip", action="lookup",
    ),
    AccessClass("pictures in notices", "/n/[^/]+/", RequiredIdentity.NOBODY, rate="120/m/ip", action="reply-pictures"),
    AccessClass(
        "replies to notices", "/n/", RequiredIdentity.READER, identified_max_bytes=MAX_FILES_REQUEST_BYTES,
        rate="30/m/ip", action="reply", large_request_rate="10/m/ip,60/h/ip",
    ),
    AccessClass("soft binding queries", "/c2pa/matches/byContent", RequiredIdentity.NOBODY,
    rate="10/m/ip", action="content"),
    AccessClass("log checkpoints", "/witness/add-checkpoint", RequiredIdentity.NOBODY, rate="60/m/ip", action="head"),
    AccessClass("invitations", "/invitations/", RequiredIdentity.NOBODY, rate="20/m/ip", action="invitation"),
    AccessClass("links and public pages", "/(c2pa|pdq|id|witness|d|mail)/", RequiredIdentity.NOBODY,
    rate="60/m/ip", action="link"),
    AccessClass("the API", "/api/", RequiredIdentity.MEMBER, identified_max_bytes=MAX_REQUEST_BYTES),
    AccessClass("the site", "/", RequiredIdentity.MEMBER, identified_max_bytes=MAX_REQUEST_BYTES),
)  # fmt: skip
"""The first match applies."""

RATES = {access_class.action: access_class.rate for access_class in ACCESS_CLASSES if access_class.action} | {
    access_class.large_request_action: access_class.large_request_rate
    for access_class in ACCESS_CLASSES
    if access_class.large_request_rate
}


def find_access_class(path: str) -> AccessClass:
    """Return the first access class that matches a path."""
    return next(access_class for access_class in ACCESS_CLASSES if access_class.pattern.match(path))
