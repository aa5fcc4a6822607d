"""A look at a pasted address: what a site offers, and what stands in the way."""

import pytest
from django.test import Client

from registry.models import Watch
from tests.assets.site import Answer, Site
from tests.desk.web.watches.test_new import MAKE, NEW, ann, offered, shop, studio
from tests.desk.web.watches.test_views import fields

__all__ = ["ann", "shop", "studio"]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("not a url", "The address can&#x27;t be read."),
        ("", "The address can&#x27;t be read."),
        ("ftp://shop.example/", "isn&#x27;t one of the web"),
        ("http://10.0.0.1/", "isn&#x27;t on the public internet"),
        ("https://shop.invalid/", "There is no such host."),
        ("<script>alert(1)</script>", "The address can&#x27;t be read."),
    ],
)
def test_what_is_no_address_gets_a_clear_answer(ann: Client, address: str, said: str) -> None:
    answer = ann.post(NEW, {"address": address})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "<script>alert" not in answer.content.decode()


def test_a_site_that_doesnt_answer_now_can_be_watched_all_the_same(ann: Client, shop: Site) -> None:
    shop.routes["/"] = Answer(status=503)
    page = ann.post(NEW, {"address": shop.url("/")}).content.decode()
    assert "had a fault (status 503)" in page
    ann.post(MAKE, fields(page) | {"source": offered(page), "offered": offered(page)})
    assert Watch.objects.get().sources == [{"kind": "site", "url": shop.url("/")}]


def test_a_site_whose_robots_txt_forbids_it_isnt_offered(ann: Client, shop: Site) -> None:
    shop.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /\n")
    answer = ann.post(NEW, {"address": shop.url("/")})
    assert "forbids it to us" in answer.content.decode()
    assert offered(answer.content.decode()) == []
