"""Owners' own sites: sources of watches that the owner has declared as theirs.

Pictures there that match no work are proposed as works (:mod:`registry.matches.proposals`), and matches there do not
open cases. The declaration is not verified, so it affects only its owner.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exhibit.errors import InvalidRequestError
from exhibit.network.addresses import (
    get_registrable_domain,
    get_url_host,
    get_url_path,
    is_listed_suffix,
    list_parent_names,
)
from exhibit.sentences import Sentence
from registry.crawls.models import Sighting, Watch

KINDS = ("site", "list", "sitemap", "feed", "folder")
"""Kinds of sources that may be an owner's own site."""
SHARED_SITES = frozenset({
    "500px.com", "58pic.com", "aliexpress.com", "artstation.com", "baidu.com", "behance.net", "bilibili.com",
    "bsky.app", "deviantart.com", "douban.com", "douyin.com", "ebay.com", "etsy.com", "facebook.com", "flickr.com",
    "github.com", "huaban.com", "instagram.com", "linkedin.com", "mastodon.social", "medium.com", "pexels.com",
    "pinterest.com", "pixabay.com", "pixiv.net", "qq.com", "reddit.com", "redbubble.com", "saatchiart.com",
    "taobao.com", "threads.net", "tiktok.com", "tuchong.com", "twitter.com", "unsplash.com", "vsco.co", "weibo.com",
    "wikimedia.org", "x.com", "xiaohongshu.com", "youtube.com", "zcool.com.cn", "zhihu.com",
})  # fmt: skip
"""Sites on which each account has its own path: the site as a whole belongs to no owner."""
ACCOUNT_PREFIXES = frozenset({
    "a", "accounts", "add", "album", "albums", "article", "articles", "artwork", "artworks", "c", "channel",
    "collection", "collections", "company", "de", "en", "es", "fr", "gallery", "galleries", "i", "image", "images",
    "in", "it", "item", "itm", "ja", "ko", "p", "people", "photo", "photos", "pin", "pins", "post", "posts",
    "profile", "pt", "question", "reel", "reels", "s", "school", "shop", "shorts", "space", "status", "store",
    "stories", "story", "u", "us", "user", "users", "usr", "v", "video", "videos", "watch", "web", "wiki", "works",
    "zh", "zh-cn", "zh-tw",
})  # fmt: skip
"""First path segments on such sites that are followed by an account or one of its pages."""
PUBLIC_SEGMENTS = frozenset({
    "about", "all", "browse", "categories", "category", "discover", "explore", "events", "feed", "feeds", "groups",
    "hashtag", "hashtags", "help", "home", "hot", "ideas", "live", "login", "market", "new", "news", "popular",
    "public", "r", "search", "services", "tag", "tagged", "tags", "topic", "topics", "trending",
})  # fmt: skip
"""First path segments on such sites that lead to pictures of all users."""
_PAGE = re.compile(r"\.(aspx?|cfm|csv|gne|json|jspx?|php\d?|txt|[sx]?html?|xml)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A host with its subdomains, the pages below a path on such a host, or a folder (with an empty host)."""

    host: str
    path: str  # the prefix of paths; empty for all

    @classmethod
    def from_source(cls, kind: str, url: str) -> "Place":
        """Create the place of a source.

        For feeds and sitemaps, it is the host; for pages, the folder of the page with everything below it.
        """
        if kind == "folder":
            return cls("", get_url_path(Path(url).as_uri()).rstrip("/"))
        host = get_url_host(url).removeprefix("www.")
        if kind in ("feed", "sitemap"):
            return cls(host, "")
        path, _slash, name = get_url_path(url).rpartition("/")
        return cls(host, path if _PAGE.search(name) or not name else f"{path}/{name}")  # account names may contain dots

    def __str__(self) -> str:
        return self.host + self.path


class PlaceSet:
    """A set of places with fast lookup."""

    def __init__(self, places: Iterable[Place]) -> None:
        prefixes: dict[str, set[str]] = defaultdict(set)
        for place in places:
            prefixes[place.host].add(f"{place.path}/")
        self._prefixes = {host: tuple(paths) for host, paths in prefixes.items()}
        self._labels = max((host.count(".") + 1 for host in prefixes), default=1)

    def contains(self, page_url: str) -> bool:
        """Return True if a page is within one of the places.

        The URL is parsed only once, because its length is not trusted.
        """
        path = f"{get_url_path(page_url)}/"
        names = list_parent_names(".".join(get_url_host(page_url).split(".")[-self._labels :]))
        return any(path.startswith(self._prefixes[name]) for name in names if name in self._prefixes)


def check_sources(sources: Iterable[tuple[str, str]]) -> None:
    """Raise ``InvalidRequestError`` for sources that cannot be an owner's own sites."""
    for kind, url in sources:
        if kind not in KINDS:
            raise InvalidRequestError(
                Sentence("Only sites, pages, sitemaps, feeds and folders can be your own sites."),
                hint=Sentence("Create a separate watch for the other sources."),
            )
        place = Place.from_source(kind, url)
        if kind != "folder" and _is_shared(place):
            raise InvalidRequestError(
                Sentence(
                    "%(host)s is shared by many users, so the whole host cannot be your own site.", host=place.host
                ),
                hint=Sentence("Add the URL of your own page on that host as a site."),
            )


def _is_shared(place: Place) -> bool:
    if is_listed_suffix(place.host):
        return True
    return (get_registrable_domain(place.host) in SHARED_SITES or is_listed_suffix(place.host, private=True)) and not (
        has_account(place.path)
    )


def has_account(path: str) -> bool:
    """Return True if a URL path on a shared platform starts with the name of an account."""
    segments = (segment for segment in path.lower().split("/") if segment)
    return next((segment for segment in segments if segment not in ACCOUNT_PREFIXES), "search") not in PUBLIC_SEGMENTS


def list_places(watch: Watch) -> list[Place]:
    """Return the places of a watch if its owner declared them as their own, else an empty list."""
    if not watch.own:
        return []
    return list(dict.fromkeys(Place.from_source(source["kind"], source["url"]) for source in watch.sources))


def load_places_by_owner(owners: Iterable[int]) -> dict[int, PlaceSet]:
    """Return the declared places by owner (primary key); owners without any are omitted."""
    places_by_owner: dict[int, list[Place]] = defaultdict(list)
    for watch in Watch.objects.filter(owner__in=owners, own=True, removed_at=None):
        places_by_owner[watch.owner_id] += list_places(watch)
    return {owner: PlaceSet(places) for owner, places in places_by_owner.items()}


def filter_on_own_sites(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Filter pairs of owner and sighting (primary keys) for sightings on the owner's own sites."""
    if not (places := load_places_by_owner({owner for owner, _sighting in pairs})):
        return set()
    relevant_pairs = [(owner, sighting) for owner, sighting in pairs if owner in places]
    rows = Sighting.objects.filter(pk__in={sighting for _owner, sighting in relevant_pairs})
    pages = dict(rows.values_list("pk", "page_url"))
    return {(owner, sighting) for owner, sighting in relevant_pairs if places[owner].contains(pages[sighting])}
