"""Test an owner's sites: a host, or a path of a shared host; never a whole shared host."""

import pytest

from exhibit.errors import InvalidRequestError
from registry.crawls.own_sites import Place, PlaceSet, check_sources


@pytest.mark.parametrize(
    ("kind", "url", "inside", "elsewhere"),
    [
        ("site", "https://www.studio.example/index.html", "https://shop.studio.example/a", "https://astudio.example/"),
        ("site", "https://shared.example/ann", "https://shared.example/ann/7?a=b", "https://shared.example/anna"),
        ("site", "https://shared.example/ann/", "https://shared.example/ann", "https://shared.example/"),
        ("feed", "https://studio.example/blog/feed.xml", "https://studio.example/2024/dawn", "file:///studio.example"),
        (
            "site",
            "https://bsky.app/profile/ann.bsky.social",
            "https://bsky.app/profile/ann.bsky.social/post/1",
            "https://bsky.app/profile/bob.bsky.social",
        ),
        ("site", "https://shared.example/ann/Index.PHP", "https://shared.example/ann/1", "https://shared.example/bob"),
        ("folder", "/export/a b", "file:///export/a%20b/c/d.jpg", "file:///export/a%20bc/d.jpg"),
    ],
)
def test_own_site_contains_only_its_urls(kind: str, url: str, inside: str, elsewhere: str) -> None:
    places = PlaceSet([Place.from_source(kind, url)])
    assert places.contains(inside)
    assert not places.contains(elsewhere)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("site", "https://www.flickr.com/"),
        ("feed", "https://www.flickr.com/services/feeds/photos_public.gne?id=1"),
        ("site", "https://github.io/"),
        ("site", "https://com/"),
        ("site", "https://www.cn/ann"),
        ("site", "https://co.uk/ann"),
        ("site", "https://www.flickr.com/photos"),
        ("site", "https://www.flickr.com/Photos/index.html"),
        ("site", "https://www.flickr.com/photos/tags/dawn"),
        ("site", "https://www.instagram.com/explore/"),
        ("list", "https://www.youtube.com/watch?v=1"),
        ("warc", "/crawl.warc"),
        ("search", "tineye"),
    ],
)
def test_shared_platform_is_not_an_own_site(kind: str, url: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_sources([(kind, url)])
    check_sources([("site", "https://www.flickr.com/photos/ann/"), ("site", "https://www.instagram.com/ann.lee")])
    check_sources([("site", "https://intranet/"), ("site", "https://pixiv.net/en/users/1"), ("folder", "/")])


def test_lookup_of_long_urls_is_fast() -> None:
    places = PlaceSet([Place("studio.example", "/ann"), Place("studio.example", "/bob")])
    assert places.contains(f"https://{'a.' * 100}studio.example/bob{'/' * 1_000_000}")
    # Storing every prefix would exhaust memory
    assert not places.contains(f"https://{'a.' * 100_000}studio.example/{'a/' * 1_000_000}")
