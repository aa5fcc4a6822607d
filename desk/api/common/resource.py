"""How a resource says its operations: a path, who may, and a function; the rest follows from the function."""

import inspect
import re
from collections.abc import Callable
from functools import partialmethod, wraps
from typing import Annotated, Any, TypeVar, get_args, get_origin

from django.db.models import Model, QuerySet
from django.http.response import HttpResponseBase
from ninja import Query, Router, Status
from ninja.constants import NOT_SET

from desk.api.common.auth import READ, WRITE, Call, Permitted, of
from desk.api.common.idempotency import PARAMETER, once
from desk.api.common.openapi import file_of
from desk.schemas.base import Answer, Piece
from exhibit.types import Untyped
from workers.services import wiring

MAX_ROWS = 100
_WORD = "after-"
Row = TypeVar("Row", bound=Model)
A = TypeVar("A", bound=Answer)

Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="How many at most.")]
_BEFORE = "The field `next` or `last` of the answer before this one."
Cursor = Annotated[str, Query(pattern=f"^({_WORD}[0-9]{{1,18}})?$", description=_BEFORE)]


def page(rows: QuerySet[Row], kind: type[A], cursor: str, limit: int) -> Piece[A]:
    """One piece of a list, oldest first: by the numbers that rows are told with, or else by their keys."""
    number = kind.model_fields.get("number")
    key = "pk" if number is None else number.alias or "number"
    after = {f"{key}__gt": int(cursor.removeprefix(_WORD))} if cursor else {}
    chosen = rows.filter(**after).order_by(key)
    found = list(chosen[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    last = f"{_WORD}{getattr(found[-1], key)}" if found else cursor
    return Piece[kind](items=kind.from_rows(found), next=last if more else None, last=last)  # type: ignore[valid-type] # made as it runs


_PART = re.compile(r"{(?:(\w+):)?(\w+)}")
"""A part of an address that stands for something, with its kind where one is named."""
View = Callable[..., Any]
V = TypeVar("V", bound=View)


class Resource:
    """Operations about one kind of things: each is a function, which says by its type what it answers.

    Of the address it takes what it needs. POST requests may bring a key, but for those of an operation with none.
    """

    def __init__(self, tag: str) -> None:
        self.router = Router(tags=[tag])

    def _operation(
        self,
        method: str,
        path: str,
        auth: Permitted | None = READ,
        status: int = 200,
        *,
        name: str = "",
        file: str = "",
        keyed: bool = True,
    ) -> Callable[[V], V]:
        """Add a function as an operation: under another name, with a file of a type as answer, or without keys."""

        def add(view: V) -> V:
            done, more = _with_address(view, path), file_of(file) if file else {}
            if keyed and method == "POST":
                done, more = once(done, status), {"parameters": [PARAMETER]}
            kinds = {"response": _answers(view, status), "openapi_extra": more}
            self.router.api_operation([method], path, auth=auth, operation_id=name or view.__name__, **kinds)(done)
            return view

        return add

    get = partialmethod(_operation, "GET")
    post = partialmethod(_operation, "POST")
    put = partialmethod(_operation, "PUT")
    patch = partialmethod(_operation, "PATCH")
    delete = partialmethod(_operation, "DELETE")

    def shows(self, path: str, name: str, kind: type[Answer], row: View, words: str, auth: Permitted = READ) -> None:
        """Add an operation that tells one row, which is found by its owner and the numbers of the address."""

        def show(request: Call) -> Answer:
            return kind.from_row(row(of(request), *_numbers(request)))

        self.get(path, auth)(_named(show, name, words, kind))

    def lists(self, path: str, name: str, kind: type[Answer], rows: View, words: str, auth: Permitted = READ) -> None:
        """Add an operation that tells rows in pieces, found as one row is."""

        def listed(request: Call, cursor: Cursor = "", limit: Limit = 50) -> Piece[Any]:
            return page(rows(of(request), *_numbers(request)), kind, cursor, limit)

        self.get(path, auth)(_named(listed, name, words, Piece[kind]))  # type: ignore[valid-type] # made as it runs

    def removes(
        self, path: str, name: str, deed: View, words: str, row: View | None = None, auth: Permitted = WRITE
    ) -> None:
        """Add an operation after which something is no more: a row found as above, or what a deed finds itself."""

        def removed(request: Call) -> None:
            given = (of(request), *_numbers(request))
            _do(deed, request, *(given if row is None else (row(*given),)))

        self.delete(path, auth)(_named(removed, name, words, None))

    def changes(
        self, path: str, name: str, kind: type[Answer], row: View, deed: View, words: str, auth: Permitted = WRITE
    ) -> None:
        """Add an operation that does something with a row, and tells how it stands afterwards."""

        def changed(request: Call) -> Answer:
            given = (of(request), *_numbers(request))
            _do(deed, request, row(*given))
            return kind.from_row(row(*given))

        self.post(path, auth)(_named(changed, name, words, kind))


def _numbers(request: Call) -> list[int]:
    assert request.resolver_match is not None
    return [value for name, value in request.resolver_match.kwargs.items() if name != "owner"]


def _do(deed: View, request: Call, *about: object) -> None:
    """Let the caller do something, by means of the services if it takes them."""
    means = [wiring.services()] if "services" in inspect.signature(deed).parameters else []
    deed(*means, *about, by=request.auth.by)


def _named(view: View, name: str, words: str, returned: object) -> View:
    view.__name__, view.__doc__ = name, words
    view.__annotations__["return"] = returned
    return view


def _answers(view: View, status: int) -> Untyped:
    """What ninja is told of an answer: two where a view says itself whether something is new."""
    returned = inspect.signature(view).return_annotation
    if get_origin(returned) is Status:
        (kind,) = get_args(returned)
        return {200: kind, 201: kind}
    if returned is None:
        return {204: None}
    return NOT_SET if issubclass(returned, HttpResponseBase) else {status: returned}


def _with_address(view: View, path: str) -> View:
    """A view that takes all parts of its address; the view itself gets those that it names."""
    signature = inspect.signature(view)
    request, *given = (parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in signature.parameters.values())
    others = {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=int if kind == "int" else str)
        for kind, name in _PART.findall(path)
        if name not in signature.parameters
    }

    @wraps(view)
    def answer(call: Call, **values: object) -> object:
        return view(call, **{name: value for name, value in values.items() if name not in others})

    answer.__signature__ = signature.replace(parameters=[request, *others.values(), *given])  # type: ignore[attr-defined]
    return answer
