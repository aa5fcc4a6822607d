"""Test what all pages share: pagination, refusals, and the way back after an action."""

import pytest
from django.contrib.messages import get_messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest
from django.test import Client, RequestFactory

from desk.web.common.pages import Telling, page_of
from desk.web.urls import pages
from exhibit.errors import WrongUseError
from registry.models import Owner
from tests.assets.desk_scene import Scene, scene
from tests.assets.rows import owner

__all__ = ["scene"]


def test_each_address_and_each_name_stands_once() -> None:
    named = [page.name for page in pages if page.name is not None]
    assert len(set(named)) == len(named)
    assert len({str(page.pattern) for page in pages}) == len(pages)


@pytest.mark.long
def test_an_address_that_is_cut_short_leads_to_the_nearest_page_above(scene: Scene) -> None:
    for cut, above in (
        ("", "cases/"),
        ("cases/1/papers/", "cases/1/"),
        ("cases/1/matches/7/", "cases/1/"),
        ("cases/groups/", "cases/"),
        ("downloads/reports/3/files/", "downloads/"),
        ("watches/1/crawls/", "watches/1/"),
        ("works/collections/", "works/"),
        ("notices/1/replies/", "notices/1/"),
        ("members/4/", "members/"),
        ("invitations/4/", "members/"),
        ("party/", "parties/"),
        ("pictures/", "works/"),
    ):
        led = scene.alice.get(f"/o/studio/{cut}", follow=True)
        assert (led.redirect_chain[-1:], led.status_code) == ([(f"/o/studio/{above}", 302)], 200), cut
        assert scene.charlie.get(f"/o/studio/{cut}").status_code == 404, cut
        assert scene.alice.get(f"/o/nobody/{cut}").status_code == 404, cut
        asked = Client().get(f"/o/studio/{cut}")
        assert (asked.status_code, asked.headers["Location"][:9]) == (302, "/sign-in/"), cut
        assert scene.alice.post(f"/o/studio/{cut}").status_code in (404, 405), cut
    assert scene.alice.get("/o/studio").headers["Location"] == "/o/studio/"
    assert scene.alice.get("/o/studio/cases").headers["Location"] == "/o/studio/cases/"
    assert scene.alice.get("/o/").headers["Location"] == "/owners/"
    for nonsense in ("/o/studio/caess/", "/o/studio/cases/1/no-such/", "/o/studio/works/999999/"):
        assert scene.alice.get(nonsense).status_code == 404, nonsense


def test_a_deed_leads_back_to_the_page_above_it_and_says_what_was_refused(scene: Scene) -> None:
    where = scene.addresses()
    done = scene.alice.post(where["close-work"], follow=True)
    assert done.redirect_chain == [(where["work"], 302)]
    assert b"The public page is closed." in done.content
    refused = scene.alice.post(where["answer-held"], {"answer": "perhaps"}, follow=True)
    assert refused.redirect_chain == [(where["work"], 302)]
    assert b"is no answer." in refused.content


def test_a_page_that_is_not_there_is_the_nearest_one(db: None) -> None:
    for name in "abc":
        owner(name)
    rows = Owner.objects.filter(slug__in="abc").order_by("slug")  # beside those of the scene
    for asked, number in (("2", 2), ("9", 2), ("-1", 2), ("x", 1), ("", 1)):
        page = page_of(RequestFactory().get("/", {"visits": asked}), rows, "visits", size=2)
        assert (page.number, page.paginator.num_pages) == (number, 2), asked
    assert [one.slug for one in page_of(RequestFactory().get("/", {"visits": "2"}), rows, size=2)] == ["a", "b"]


def test_a_refusal_is_told_on_the_next_page_and_a_mistake_of_ours_is_none() -> None:
    def request() -> HttpRequest:
        made = RequestFactory().post("/")
        made._messages = CookieStorage(made)  # type: ignore[attr-defined] # as the middleware does
        return made

    asked = request()
    with Telling(asked):
        raise WrongUseError("No case was specified.")
    assert [(one.level_tag, str(one)) for one in get_messages(asked)] == [("error", "No case was specified.")]
    with pytest.raises(ZeroDivisionError), Telling(request()):
        raise ZeroDivisionError
