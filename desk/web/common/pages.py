"""For whom views are, with which template; and what pages share."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import get_resolver, reverse
from django.utils.functional import Promise
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from desk.texts.sentences import in_words
from desk.web.common.access import DECIDERS, may_decide, person_of
from exhibit.errors import ExhibitError, NotFoundError
from registry.members.people import is_operator
from registry.models import Owner, Role

ROWS = 50
"""Rows of a long list on one page."""

SAFE, POST = ("GET", "HEAD"), ("POST",)
FORM = (*SAFE, *POST)

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)
Shown = HttpResponseBase | Mapping[str, object] | str | Promise | None
"""An answer; or the values of a page's template; or what is said, if anything, on the page to which a deed leads."""
OwnedView = Callable[Concatenate[HttpRequest, Owner, P], Shown]
View = Callable[..., HttpResponseBase]
V = TypeVar("V", bound=View)


def _members(methods: Sequence[str], roles: Collection[Role] = ()) -> Callable[..., Callable[[OwnedView[P]], View]]:
    """Decorators for views of an owner's things: by which methods and roles they are asked, any role when empty.

    A stranger gets 404 for whatever is asked, as if the owner weren't there; members with another role are told that
    theirs doesn't permit it. A view that gives values needs a template; one that gives nothing or says something leads
    ``back``, to the page of that name at or above its address. What is refused is said there, too.
    """

    def decorator(template: str = "", *, back: str = "") -> Callable[[OwnedView[P]], View]:
        def decorated(view: OwnedView[P]) -> View:
            @require_http_methods(methods)
            @wraps(view)
            @login_required
            def checked(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
                memberships = person_of(request).memberships.select_related("owner")
                membership = memberships.filter(owner__slug=slug).first()
                if membership is None:
                    raise Http404
                owner = membership.owner
                owner.role = membership.role
                if roles and owner.role not in roles:
                    return forbidden(request)
                try:
                    shown = view(request, owner, *args, **kwargs)
                except NotFoundError as error:
                    raise Http404(error.message) from error
                except ExhibitError as error:
                    if not back:
                        raise
                    messages.error(request, in_words(error))
                    shown = None
                if isinstance(shown, Mapping):
                    return show(request, owner, template, shown)
                return shown if isinstance(shown, HttpResponseBase) else _led(request, shown, back, slug=slug, **kwargs)

            return checked

        return decorated

    return decorator


def _led(request: HttpRequest, said: str | Promise | None, name: str, **parts: object) -> HttpResponse:
    """The way to a page, which says this, with those parts of an address that belong to its own."""
    if said is not None:
        messages.success(request, str(said))
    *_, known = get_resolver().reverse_dict.getlist(name)[0]  # the converters of its parts
    return redirect(reverse(name, kwargs={part: value for part, value in parts.items() if part in known}))


member_page, member_form, member_post = (_members(methods) for methods in (SAFE, FORM, POST))
decider_page, decider_form, decider_post = (_members(methods, DECIDERS) for methods in (SAFE, FORM, POST))
manager_page, manager_form, manager_post = (_members(methods, (Role.OWNER,)) for methods in (SAFE, FORM, POST))
"""For all members, for whoever may decide, and for whoever runs the owner: what is looked at, forms, deeds."""


def asks_again(view: V) -> V:
    """A view of which who is signed in shows first that it is still the person, by password or second factor.

    A form goes on afterwards with what was typed, but without its files.
    """
    asked: V = reauthentication_required(view)
    return asked


def shows_secret(view: V) -> V:
    """A view that makes a secret and shows it, this once, as :func:`asks_again` says; no browser keeps its answer."""
    return asks_again(never_cache(view))


def operator_view(view: Callable[Concatenate[HttpRequest, P], HttpResponseBase]) -> View:
    """A view of the installation itself: whoever doesn't run it gets 404."""

    @wraps(view)
    @login_required
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not is_operator(person_of(request)):
            raise Http404
        return view(request, *args, **kwargs)

    return checked


def forbidden(request: HttpRequest) -> HttpResponse:
    """The answer to a member whose role doesn't permit it."""
    return render(request, "403.html", status=403)


def show(
    request: HttpRequest, owner: Owner, template: str, values: Mapping[str, object], status: int = 200
) -> HttpResponse:
    """A page of an owner."""
    return render(request, template, {"owner": owner, "may_decide": may_decide(owner), **values}, status=status)


def page_of(request: HttpRequest, rows: QuerySet[Row] | list[Row], name: str = "page", size: int = ROWS) -> Page[Row]:
    """The page of a long list that the address asks for under this name; the nearest one when it doesn't exist."""
    return Paginator(rows, size).get_page(request.GET.get(name))


class Telling(AbstractContextManager["Telling"]):
    """What is refused within the block ends it, and stands as a message on the next page."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, ExhibitError):
            messages.error(self._request, in_words(error))
        return isinstance(error, ExhibitError)
