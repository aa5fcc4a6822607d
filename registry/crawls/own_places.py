"""An owner's own places: what the watches look at of which the owner has said that they are theirs.

Pictures there that show no work are proposed as works (:mod:`registry.matches.proposals`), and what shows one of the
owner's works there is no find: no case is opened. Nobody has checked whose a place is, so it holds for its owner alone.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exhibit.errors import WrongUseError
from exhibit.network.addresses import host_of, is_listed_suffix, names_of, path_of, registrable_domain
from exhibit.sentences import Sentence
from registry.crawls.models import Sighting, Watch

KINDS = ("site", "list", "sitemap", "feed", "folder")
"""Of sources that may be an owner's own places."""
SHARED = frozenset({
    "500px.com", "58pic.com", "aliexpress.com", "artstation.com", "baidu.com", "behance.net", "bilibili.com",
    "bsky.app", "deviantart.com", "douban.com", "douyin.com", "ebay.com", "etsy.com", "facebook.com", "flickr.com",
    "github.com", "huaban.com", "instagram.com", "linkedin.com", "mastodon.social", "medium.com", "pexels.com",
    "pinterest.com", "pixabay.com", "pixiv.net", "qq.com", "reddit.com", "redbubble.com", "saatchiart.com",
    "taobao.com", "threads.net", "tiktok.com", "tuchong.com", "twitter.com", "unsplash.com", "vsco.co", "weibo.com",
    "wikimedia.org", "x.com", "xiaohongshu.com", "youtube.com", "zcool.com.cn", "zhihu.com",
})  # fmt: skip
"""Sites on which each account has a path of its own: as a whole, they are nobody's place."""
BEFORE_ACCOUNTS = frozenset({
    "a", "accounts", "add", "album", "albums", "article", "articles", "artwork", "artworks", "c", "channel",
    "collection", "collections", "company", "de", "en", "es", "fr", "gallery", "galleries", "i", "image", "images",
    "in", "it", "item", "itm", "ja", "ko", "p", "people", "photo", "photos", "pin", "pins", "post", "posts",
    "profile", "pt", "question", "reel", "reels", "s", "school", "shop", "shorts", "space", "status", "store",
    "stories", "story", "u", "us", "user", "users", "usr", "v", "video", "videos", "watch", "web", "wiki", "works",
    "zh", "zh-cn", "zh-tw",
})  # fmt: skip
"""First steps of paths there behind which an account or one of its pages is named."""
FOR_ALL = frozenset({
    "about", "all", "browse", "categories", "category", "discover", "explore", "events", "feed", "feeds", "groups",
    "hashtag", "hashtags", "help", "home", "hot", "ideas", "live", "login", "market", "new", "news", "popular",
    "public", "r", "search", "services", "tag", "tagged", "tags", "topic", "topics", "trending",
})  # fmt: skip
"""First steps of paths there behind which anybody's pictures are."""
_PAGE = re.compile(r"\.(aspx?|cfm|csv|gne|json|jspx?|php\d?|txt|[sx]?html?|xml)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A host with those below it, or some of its pages; or a folder, which has no host."""

    host: str
    path: str  # what paths there begin with; empty for all

    @classmethod
    def of(cls, kind: str, url: str) -> "Place":
        """The place that a source is: of a feed or a sitemap the host, of a page also what lies beside and below it."""
        if kind == "folder":
            return cls("", path_of(Path(url).as_uri()).rstrip("/"))
        host = host_of(url).removeprefix("www.")
        if kind in ("feed", "sitemap"):
            return cls(host, "")
        path, _slash, name = path_of(url).rpartition("/")
        return cls(host, path if _PAGE.search(name) or not name else f"{path}/{name}")  # an account's name has dots too

    def __str__(self) -> str:
        return self.host + self.path


class Places:
    """Several places, however many."""

    def __init__(self, places: Iterable[Place]) -> None:
        begin: dict[str, set[str]] = defaultdict(set)
        for place in places:
            begin[place.host].add(f"{place.path}/")
        self._begin = {host: tuple(paths) for host, paths in begin.items()}
        self._labels = max((host.count(".") + 1 for host in begin), default=1)

    def hold(self, page_url: str) -> bool:
        """Whether a page lies at one of them. An address is as long as a stranger likes: each is read once."""
        path = f"{path_of(page_url)}/"
        names = names_of(".".join(host_of(page_url).split(".")[-self._labels :]))
        return any(path.startswith(self._begin[name]) for name in names if name in self._begin)


def check(sources: Iterable[tuple[str, str]]) -> None:
    """Refuse sources that can't be an owner's own places; raises ``WrongUseError``."""
    for kind, url in sources:
        if kind not in KINDS:
            raise WrongUseError(
                Sentence("Only sites, pages, sitemaps, feeds and folders can be your own places."),
                hint=Sentence("Make a watch of its own for them."),
            )
        place = Place.of(kind, url)
        if kind != "folder" and _is_shared(place):
            raise WrongUseError(
                Sentence("%(host)s is shared by many: as a whole it can't be your own place.", host=place.host),
                hint=Sentence("Give the address of your own page there, as a site."),
            )


def _is_shared(place: Place) -> bool:
    if is_listed_suffix(place.host):
        return True
    return (registrable_domain(place.host) in SHARED or is_listed_suffix(place.host, private=True)) and not (
        _names_account(place.path)
    )


def _names_account(path: str) -> bool:
    steps = (step for step in path.lower().split("/") if step)
    return next((step for step in steps if step not in BEFORE_ACCOUNTS), "search") not in FOR_ALL


def places_of(watch: Watch) -> list[Place]:
    """The places of a watch whose owner has said that they are theirs; none of any other watch."""
    if not watch.own:
        return []
    return list(dict.fromkeys(Place.of(source["kind"], source["url"]) for source in watch.sources))


def of_owners(owners: Iterable[int]) -> dict[int, Places]:
    """The own places of owners (primary keys), of those who have named some."""
    found: dict[int, list[Place]] = defaultdict(list)
    for watch in Watch.objects.filter(owner__in=owners, own=True, removed_at=None):
        found[watch.owner_id] += places_of(watch)
    return {owner: Places(places) for owner, places in found.items()}


def seen_there(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Of pairs of an owner and a sighting (primary keys), those that lie at a place of that owner's own."""
    if not (places := of_owners({owner for owner, _sighting in pairs})):
        return set()
    concerned = [(owner, sighting) for owner, sighting in pairs if owner in places]
    rows = Sighting.objects.filter(pk__in={sighting for _owner, sighting in concerned})
    pages = dict(rows.values_list("pk", "page_url"))
    return {(owner, sighting) for owner, sighting in concerned if places[owner].hold(pages[sighting])}
