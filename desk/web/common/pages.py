"""Decorators that check methods and roles of views, and helpers shared by pages."""

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
from desk.web.common.access import DECIDER_ROLES, get_user, may_decide
from exhibit.errors import ExhibitError, NotFoundError
from registry.members.accounts import is_operator
from registry.models import Owner, Role

ROWS_PER_PAGE = 50
"""Rows per page of a long list."""

SAFE, POST = ("GET", "HEAD"), ("POST",)
FORM = (*SAFE, *POST)

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)
ViewResult = HttpResponseBase | Mapping[str, object] | str | Promise | None
"""Result of a view: a response, template values, or an optional message for the page that follows an action."""
OwnedView = Callable[Concatenate[HttpRequest, Owner, P], ViewResult]
View = Callable[..., HttpResponseBase]
V = TypeVar("V", bound=View)


def _make_decorators(
    methods: Sequence[str], roles: Collection[Role] = ()
) -> Callable[..., Callable[[OwnedView[P]], View]]:
    """Return decorators for views of an owner, restricted to these methods and roles (any role if empty).

    Users who are not members get 404, as if the owner did not exist. Members with another role get 403. A view that
    returns template values needs ``template``. After a view that returns None or a message, the user is redirected to
    the page named ``back``, whose URL parts must be among those of the view; errors are shown there as well.
    """

    def decorator(template: str = "", *, back: str = "") -> Callable[[OwnedView[P]], View]:
        def decorate(view: OwnedView[P]) -> View:
            @require_http_methods(methods)
            @wraps(view)
            @login_required
            def checked(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
                memberships = get_user(request).memberships.select_related("owner")
                membership = memberships.filter(owner__slug=slug).first()
                if membership is None:
                    raise Http404
                owner = membership.owner
                owner.role = membership.role
                if roles and owner.role not in roles:
                    return render_forbidden(request)
                try:
                    result = view(request, owner, *args, **kwargs)
                except NotFoundError as error:
                    raise Http404(error.message) from error
                except ExhibitError as error:
                    if not back:
                        raise
                    messages.error(request, in_words(error))
                    result = None
                if isinstance(result, Mapping):
                    return render_page(request, owner, template, result)
                return (
                    result
                    if isinstance(result, HttpResponseBase)
                    else _redirect_back(request, result, back, slug=slug, **kwargs)
                )

            return checked

        return decorate

    return decorator


def _redirect_back(request: HttpRequest, message: str | Promise | None, name: str, **parts: object) -> HttpResponse:
    """Redirect to a page with a message, using those URL parts that belong to the page."""
    if message is not None:
        messages.success(request, str(message))
    *_, converters = get_resolver().reverse_dict.getlist(name)[0]  # Converters by URL part.
    return redirect(reverse(name, kwargs={part: value for part, value in parts.items() if part in converters}))


member_page, member_form, member_post = (_make_decorators(methods) for methods in (SAFE, FORM, POST))
decider_page, decider_form, decider_post = (_make_decorators(methods, DECIDER_ROLES) for methods in (SAFE, FORM, POST))
manager_page, manager_form, manager_post = (_make_decorators(methods, (Role.OWNER,)) for methods in (SAFE, FORM, POST))
"""Decorators for all members, for deciders, and for managers; each for pages, forms and actions."""


def require_reauthentication(view: V) -> V:
    """Require users to confirm their identity by password or second factor before the view.

    A submitted form is then processed with its fields, but without its files.
    """
    wrapped_view: V = reauthentication_required(view)
    return wrapped_view


def secret_view(view: V) -> V:
    """Decorate a view that shows a new secret once.

    :func:`require_reauthentication` applies, and the response is never cached.
    """
    return require_reauthentication(never_cache(view))


def operator_view(view: Callable[Concatenate[HttpRequest, P], HttpResponseBase]) -> View:
    """Decorate a view that only the operator may access. All other users get 404."""

    @wraps(view)
    @login_required
    def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not is_operator(get_user(request)):
            raise Http404
        return view(request, *args, **kwargs)

    return wrapper


def render_forbidden(request: HttpRequest) -> HttpResponse:
    """Render the response to a member whose role does not permit the request (403)."""
    return render(request, "403.html", status=403)


def render_page(
    request: HttpRequest, owner: Owner, template: str, values: Mapping[str, object], status: int = 200
) -> HttpResponse:
    """Render a page of an owner."""
    return render(request, template, {"owner": owner, "may_decide": may_decide(owner), **values}, status=status)


def get_page(
    request: HttpRequest, rows: QuerySet[Row] | list[Row], name: str = "page", size: int = ROWS_PER_PAGE
) -> Page[Row]:
    """Return the requested page of a long list, or the nearest existing page."""
    return Paginator(rows, size).get_page(request.GET.get(name))


class ErrorMessages(AbstractContextManager["ErrorMessages"]):
    """Context manager that ends its block at an ``ExhibitError`` and shows it as a message on the next page."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, ExhibitError):
            messages.error(self._request, in_words(error))
        return isinstance(error, ExhibitError)
