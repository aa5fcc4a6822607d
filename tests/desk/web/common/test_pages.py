"""Test what all pages share: pagination, refusals, and the way back after an action."""

import pytest
from django.contrib.messages import get_messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest
from django.test import Client, RequestFactory

from desk.web.common.pages import ErrorMessages, get_page
from desk.web.urls import pages
from exhibit.errors import InvalidRequestError
from registry.models import Owner
from tests.assets.desk_scene import Scene, scene
from tests.assets.pages import message_levels
from tests.assets.rows import owner

__all__ = ["scene"]


def test_each_url_and_name_is_unique() -> None:
    names = [page.name for page in pages if page.name is not None]
    assert len(set(names)) == len(names)
    assert len({str(page.pattern) for page in pages}) == len(pages)


@pytest.mark.long
def test_truncated_url_redirects_to_the_nearest_page(scene: Scene) -> None:
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
        other_response = scene.alice.get(f"/o/studio/{cut}", follow=True)
        assert (other_response.redirect_chain[-1:], other_response.status_code) == (
            [(f"/o/studio/{above}", 302)],
            200,
        ), cut
        assert scene.charlie.get(f"/o/studio/{cut}").status_code == 404, cut
        assert scene.alice.get(f"/o/nobody/{cut}").status_code == 404, cut
        response = Client().get(f"/o/studio/{cut}")
        assert (response.status_code, response.headers["Location"][:9]) == (302, "/sign-in/"), cut
        assert scene.alice.post(f"/o/studio/{cut}").status_code in (404, 405), cut
    assert scene.alice.get("/o/studio").headers["Location"] == "/o/studio/"
    assert scene.alice.get("/o/studio/cases").headers["Location"] == "/o/studio/cases/"
    assert scene.alice.get("/o/").headers["Location"] == "/owners/"
    for nonsense in ("/o/studio/caess/", "/o/studio/cases/1/no-such/", "/o/studio/works/999999/"):
        assert scene.alice.get(nonsense).status_code == 404, nonsense


def test_action_redirects_to_its_page_and_reports_rejections(scene: Scene) -> None:
    urls = scene.addresses()
    response = scene.alice.post(urls["close-work"], follow=True)
    assert response.redirect_chain == [(urls["work"], 302)]
    assert message_levels(response) == ["success"]
    refused_response = scene.alice.post(urls["answer-held"], {"answer": "perhaps"}, follow=True)
    assert refused_response.redirect_chain == [(urls["work"], 302)]
    assert message_levels(refused_response) == ["error"]


def test_page_number_out_of_range_shows_the_nearest_page(db: None) -> None:
    for name in "abc":
        owner(name)
    rows = Owner.objects.filter(slug__in="abc").order_by("slug")  # beside those of the scene
    for value, number in (("2", 2), ("9", 2), ("-1", 2), ("x", 1), ("", 1)):
        page = get_page(RequestFactory().get("/", {"visits": value}), rows, "visits", size=2)
        assert (page.number, page.paginator.num_pages) == (number, 2), value
    assert [row.slug for row in get_page(RequestFactory().get("/", {"visits": "2"}), rows, size=2)] == ["a", "b"]


def test_rejection_is_reported_on_the_next_page_and_a_bug_is_not() -> None:
    def request() -> HttpRequest:
        new_request = RequestFactory().post("/")
        new_request._messages = CookieStorage(new_request)  # type: ignore[attr-defined] # as the middleware does
        return new_request

    http_request = request()
    with ErrorMessages(http_request):
        raise InvalidRequestError("No case was specified.")
    assert [(message.level_tag, str(message)) for message in get_messages(http_request)] == [
        ("error", "No case was specified.")
    ]
    with pytest.raises(ZeroDivisionError), ErrorMessages(request()):
        raise ZeroDivisionError
