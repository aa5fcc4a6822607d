"""Known copies that a watch has to find, on its page."""

import pytest
from django.test import Client

from registry.models import Owner, Watch
from tests.assets.rows import photograph, register
from tests.desk.web.watches.test_views import ADDRESS, ann, shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "shop", "studio"]


def test_a_canary_out_of_reach_is_said_to_be(inline: SyncRunner, ann: Client, studio: Owner, shop: Watch) -> None:
    register(inline.services, studio, photograph(1))
    ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "http://shop.example/hidden"})
    assert "looks at no place on that site" not in ann.get(ADDRESS).content.decode()
    ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "http://studio.example/hidden"})
    assert ann.get(ADDRESS).content.decode().count("looks at no place on that site") == 1


def test_a_known_copy_is_planted_and_withdrawn_on_the_page(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch
) -> None:
    register(inline.services, studio, photograph(1), "The wave")
    answer = ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "https://studio.example/hidden"}, follow=True)
    page = answer.content.decode()
    assert "https://studio.example/hidden" in page
    assert "The wave" in page
    assert "none yet" in page
    ann.post(f"{ADDRESS}canaries/1/withdraw")
    assert "studio.example/hidden" not in ann.get(ADDRESS).content.decode()


@pytest.mark.parametrize(
    ("work", "url", "said"),
    [
        ("9", "https://studio.example/", "no work with this number"),
        ("x", "https://studio.example/", "no work with this number"),
        ("1", "javascript:alert(1)", "the address of a page"),
        ("1", "http://10.0.0.1/", "the address of a page"),
    ],
)
def test_a_canary_that_cant_be_is_told_why(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch, work: str, url: str, said: str
) -> None:
    register(inline.services, studio, photograph(1))
    assert said in ann.post(f"{ADDRESS}canaries", {"work": work, "url": url}, follow=True).content.decode()
    assert not studio.canaries.exists()
