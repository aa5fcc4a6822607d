"""What the views of an owner's things have in common: who may ask how, what every page shows, how a refusal is told."""

from collections.abc import Mapping
from functools import partial
from typing import ParamSpec, TypeVar

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from desk.texts.sentences import in_words
from desk.web.common.access import OwnedView, View, decider_view, may_decide, member_view, member_view_of
from exhibit.errors import ExhibitError
from registry.models import Owner, Role

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)
ROWS = 50


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
    """A page of an owner; whether the person may decide is asked only where the page says it."""
    shown = {"owner": owner, "may_decide": SimpleLazyObject(partial(may_decide, request, owner)), **values}
    return render(request, template, shown, status=status)


def page_of(request: HttpRequest, rows: QuerySet[Row], name: str = "page", size: int = ROWS) -> Page[Row]:
    """The page of a long list that the address asks for under this name; the nearest one when it doesn't exist."""
    return Paginator(rows, size).get_page(request.GET.get(name))


def attached(data: bytes, name: str, media_type: str) -> HttpResponse:
    """Bytes to keep under a name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(data, content_type=media_type, headers=headers)


class Telling:
    """What is refused within the block ends it, and stands as a message on the next page."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, ExhibitError):
            messages.error(self._request, in_words(error))
        return isinstance(error, ExhibitError)
