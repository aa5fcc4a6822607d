"""Who may see and do what, all through an owner of whom the person is a member; and what an owner's pages share."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.texts.sentences import in_words
from exhibit.clock import now
from exhibit.errors import ExhibitError, NotFoundError
from exhibit.plain import plain
from exhibit.types import Json
from registry.accounts.people import is_operator
from registry.log.audit_log import Evidence, Way, accessed
from registry.models import Owner, Role, User

MAX_FIELD = 1_000
"""Characters that a person may type into a field."""

MAX_DIGITS = 9
"""Digits of a number that an address or a form may name: rows can hold it."""

ROWS = 50
"""Rows of a long list on one page."""

SEEN = "cases-seen"
"""In a session: the day, and the cases that were looked at on it."""

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)
OwnedView = Callable[Concatenate[HttpRequest, Owner, P], HttpResponseBase]
View = Callable[..., HttpResponseBase]


def member_view(view: OwnedView[P]) -> View:
    """A view of an owner's things: a stranger gets 404 for whatever is asked, as if the owner weren't there."""

    @wraps(view)
    @login_required
    def checked(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        membership = person_of(request).memberships.select_related("owner").filter(owner__slug=slug).first()
        if membership is None:
            raise Http404
        owner = membership.owner
        owner.role = membership.role
        try:
            return view(request, owner, *args, **kwargs)
        except NotFoundError as error:
            raise Http404(error.message) from error

    return checked


def member_view_of(*roles: Role) -> Callable[[OwnedView[P]], View]:
    """As :func:`member_view`, for these roles; members with another are told that theirs doesn't permit it."""

    def decorated(view: OwnedView[P]) -> View:
        def checked(request: HttpRequest, owner: Owner, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if owner.role not in roles:
                return forbidden(request)
            return view(request, owner, *args, **kwargs)

        return wraps(view)(member_view(checked))

    return decorated


def decider_view(view: OwnedView[P]) -> View:
    """As :func:`member_view`, for whoever may decide cases and start work for the owner: everybody but viewers."""
    return member_view_of(Role.OWNER, Role.REVIEWER)(view)


def shows_secret(view: OwnedView[P]) -> OwnedView[P]:
    """A view that makes a secret and shows it, this once: who is signed in shows first that it is still the person.

    Its answer is kept by no browser.
    """
    asked: OwnedView[P] = reauthentication_required(never_cache(view))
    return asked


def operator_view(view: Callable[Concatenate[HttpRequest, P], HttpResponseBase]) -> View:
    """A view of the installation itself: whoever doesn't run it gets 404."""

    @wraps(view)
    @login_required
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not is_operator(person_of(request)):
            raise Http404
        return view(request, *args, **kwargs)

    return checked


def person_of(request: HttpRequest) -> User:
    """Who is signed in, where nobody else is let in."""
    assert isinstance(request.user, User)
    return request.user


def may_decide(owner: Owner) -> bool:
    """Whether the person may decide cases and start work for the owner: everybody but viewers."""
    return owner.role != Role.VIEWER


def manages(owner: Owner) -> bool:
    """Whether the person runs the owner: members, settings, keys."""
    return owner.role == Role.OWNER


def takes(request: HttpRequest, what: Evidence, owner: Owner, **about: Json) -> None:
    """Put into the log that the person takes evidence away; asking for its headers alone takes nothing."""
    if request.method == "GET":
        accessed(what, Way.TAKEN, owner, by=request.user.get_username(), **about)


def sees(request: HttpRequest, owner: Owner, case: int) -> None:
    """Put into the log that the person looks at a case with its evidence: once a day while they are signed in."""
    day, key = now().date().isoformat(), f"{owner.pk}:{case}"
    seen = request.session.get(SEEN, {})
    if seen.get("day") != day:
        seen = {"day": day, "cases": []}
    if key not in seen["cases"]:
        accessed(Evidence.CASE, Way.SEEN, owner, by=request.user.get_username(), case=case)
        request.session[SEEN] = {"day": day, "cases": [*seen["cases"], key]}


def said(text: str) -> str:
    """What a person has typed, as rows can hold it: nothing that acts, not endless, no blanks around it."""
    return plain(text).strip()[:MAX_FIELD]


def number_in(text: str | None) -> int | None:
    """A number that an address or a form names; none if it isn't one, or is larger than any that is given."""
    return int(text) if text and text.isdecimal() and len(text) <= MAX_DIGITS else None


def forbidden(request: HttpRequest) -> HttpResponse:
    """The answer to a member whose role doesn't permit it."""
    return render(request, "403.html", status=403)


def member_page(view: OwnedView[P]) -> View:
    """A view for members that changes nothing."""
    return require_safe(member_view(view))


def decider_form(view: OwnedView[P]) -> View:
    """A view for deciders that shows a form and takes it."""
    return require_http_methods(["GET", "HEAD", "POST"])(decider_view(view))


def decider_post(view: OwnedView[P]) -> View:
    """A view for deciders that only takes a form."""
    return require_POST(decider_view(view))


def manager_post(view: OwnedView[P]) -> View:
    """A view for whoever runs the owner that only takes a form."""
    return require_POST(member_view_of(Role.OWNER)(view))


def show(
    request: HttpRequest, owner: Owner, template: str, values: Mapping[str, object], status: int = 200
) -> HttpResponse:
    """A page of an owner."""
    return render(request, template, {"owner": owner, "may_decide": may_decide(owner), **values}, status=status)


def page_of(request: HttpRequest, rows: QuerySet[Row] | list[Row], name: str = "page", size: int = ROWS) -> Page[Row]:
    """The page of a long list that the address asks for under this name; the nearest one when it doesn't exist."""
    return Paginator(rows, size).get_page(request.GET.get(name))


def attached(data: bytes, name: str, media_type: str) -> HttpResponse:
    """Bytes to keep under a name."""
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment"}  # noqa: FBT003 - Django's
    return HttpResponse(data, content_type=media_type, headers=headers)


class Telling(AbstractContextManager["Telling"]):
    """What is refused within the block ends it, and stands as a message on the next page."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, ExhibitError):
            messages.error(self._request, in_words(error))
        return isinstance(error, ExhibitError)
