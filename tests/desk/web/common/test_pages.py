"""What views of an owner's things have in common."""

import pytest
from django.contrib.messages import get_messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest
from django.test import RequestFactory

from desk.web.common.pages import Telling, attached, page_of
from exhibit.errors import WrongUseError
from registry.models import Owner
from tests.assets.rows import owner


def test_a_page_that_is_not_there_is_the_nearest_one(db: None) -> None:
    for name in "abc":
        owner(name)
    rows = Owner.objects.order_by("slug")
    for asked, number in (("2", 2), ("9", 2), ("-1", 2), ("x", 1), ("", 1)):
        page = page_of(RequestFactory().get("/", {"visits": asked}), rows, "visits", size=2)
        assert (page.number, page.paginator.num_pages) == (number, 2), asked
    assert [one.slug for one in page_of(RequestFactory().get("/", {"visits": "2"}), rows, size=2)] == ["a", "b"]


def test_bytes_are_kept_under_a_name() -> None:
    answer = attached(b"%PDF", "sheet.pdf", "application/pdf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sheet.pdf"'
    assert (answer.content, answer.headers["Content-Type"]) == (b"%PDF", "application/pdf")


def test_a_refusal_is_told_on_the_next_page_and_a_mistake_of_ours_is_none() -> None:
    def request() -> HttpRequest:
        made = RequestFactory().post("/")
        made._messages = CookieStorage(made)  # type: ignore[attr-defined] # as the middleware does
        return made

    asked = request()
    with Telling(asked):
        raise WrongUseError("No case is named.")
    assert [(one.level_tag, str(one)) for one in get_messages(asked)] == [("error", "No case is named.")]
    with pytest.raises(ZeroDivisionError), Telling(request()):
        raise ZeroDivisionError
