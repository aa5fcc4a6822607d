"""Builder of three small web sites with copies of works, licensed uses, and many unrelated images."""

import io
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

import numpy as np
from PIL import Image, ImageOps

from demo import broken
from demo.edits import EDITS, edited
from demo.pages import FIRST_DAY, Page, PagePicture, feed_xml, page_css, page_html, site_css, sitemap_xml
from demo.pictures import textured
from demo.plan import Placed, Plan, Site, SourceKind, Terms, Trap, TrapKind, Use
from demo.serving import REDIRECTS
from demo.stock import Stock, stock_beside
from demo.words import sentence, words

NAMES: Final = ("prints", "walls", "notes")
COPIES_OF_EACH_EDIT: Final = 4
PICTURES: Final = 300
A_PAGE_HOLDS: Final = 9
PRIVATE_TARGETS: Final = ("http://10.0.0.1/x.jpg", "http://169.254.169.254/latest/x.jpg", "http://127.0.0.1/x.jpg")
SIZES: Final = ((400, 300), (300, 400), (360, 240), (320, 320))

_SEEN_EVERYWHERE: Final = ("img", "srcset", "inline-style", "stylesheet", "link", "picture", "lazy")
_SITES: Final[tuple[tuple[str, SourceKind, str, tuple[str, ...]], ...]] = (
    ("Harbour Prints", "site", "/", (*_SEEN_EVERYWHERE, "json-ld", "og-image")),
    ("Daily Walls", "sitemap", "/sitemap.xml", (*_SEEN_EVERYWHERE, "sitemap", "sitemap")),
    ("Small Notes", "feed", "/feed.xml", (*_SEEN_EVERYWHERE, "media-content", "enclosure")),
)
PRINTS, WALLS, NOTES = range(3)

Role = Literal["planted", "licensed", "forbidden", "lookalike", "unrelated", "trap"]


@dataclass(frozen=True, slots=True)
class _Item:
    """One image URL of a site. `data` is None for a missing file or a redirect to `target`."""

    site: int
    role: Role
    path: str
    data: bytes | None
    name: str = ""
    edit: str | None = None
    trap: TrapKind | None = None
    target: str | None = None


def build(folders: Sequence[Path], works: Sequence[Path], bases: Sequence[str], seed: int = 1) -> Plan:
    """Write three sites with about 300 images into three folders. The output is deterministic.

    Args:
        folders: One for each site, created if missing.
        works: Image files whose copies are planted, four or more dissimilar ones.
        bases: URL of each site, such as `http://127.0.0.2:8001`.
        seed: Determines all random choices.
    """
    sites = tuple(
        Site(name, title, base, source, urljoin(base, start))
        for name, base, (title, source, start, _) in zip(NAMES, bases, _SITES, strict=True)
    )
    items = _items(works, stock_beside(works), seed)
    uses: list[tuple[_Item, str]] = []
    for number, folder in enumerate(folders):
        uses += _write_site(folder, sites[number], [item for item in items if item.site == number], seed + number)
    return _plan(sites, uses)


def _items(works: Sequence[Path], stock: Stock, seed: int) -> list[_Item]:
    """Create the content of all sites. The order does not matter."""
    random = np.random.default_rng([seed, 1])
    neighbours = [_opened(file) for file in stock.unrelated] + [textured(number) for number in range(3)]
    placed = _placed_copies(works)
    items = [_copy(work, edit, site, "planted", neighbours, seed) for work, edit, site in placed]
    items += _licensed(works, {(work, site) for work, _, site in placed}, neighbours, seed)
    items += _forbidden(works, neighbours, seed)
    items += [_shipped(file, "lookalike", number % 3) for number, file in enumerate(stock.lookalikes)]
    items += [_shipped(file, "unrelated", number % 3) for number, file in enumerate(stock.unrelated)]
    items += _traps(seed)
    missing = max(PICTURES - len(items), 0)
    items += [_generated(random, number, seed) for number in range(missing)]
    return items


def _placed_copies(works: Sequence[Path]) -> list[tuple[Path, str, int]]:
    """Distribute the works over edits and sites, so that a work repeats on a site only if there are no others."""
    each = min(COPIES_OF_EACH_EDIT, len(works))
    total = each * len(EDITS)
    return [
        (works[number % len(works)], EDITS[number // each], (number + number // len(works)) % 3)
        for number in range(total)
    ]


def _copy(work: Path, edit: str, site: int, role: Role, neighbours: Sequence[Image.Image], seed: int) -> _Item:
    # The seed depends on the work's name, not its index: adding an image to a folder changes no other copy.
    own = zlib.crc32(work.name.encode()) + seed
    random = np.random.default_rng([own, EDITS.index(edit), site])
    beside = [neighbours[int(place)] for place in random.permutation(len(neighbours))[:3]]
    copy = edited(edit, _opened(work), beside, own + site)
    path = f"{_FOLDERS[role]}/{'-'.join(words(random, 2))}-{random.integers(10_000, 99_999)}{copy.suffix}"
    return _Item(site, role, path, copy.data, work.name, edit)


_FOLDERS: Final[dict[Role, str]] = {"planted": "/pictures", "licensed": "/pictures", "forbidden": "/members"}


def _licensed(
    works: Sequence[Path], used_places: set[tuple[Path, int]], neighbours: Sequence[Image.Image], seed: int
) -> list[_Item]:
    """Create licensed uses: on all of one site, and below /press on another, of works that are not copied there."""
    edits = ("resized", "cropped", "webp", "captioned")
    items = []
    for site in (NOTES, PRINTS):
        free = [work for work in works if (work, site) not in used_places][: len(edits)]
        for work, edit in zip(free, edits, strict=False):
            item = _copy(work, edit, site, "licensed", neighbours, seed)
            items.append(item if site == NOTES else replace(item, path=f"/press/{Path(item.path).name}"))
    return items


def _forbidden(works: Sequence[Path], neighbours: Sequence[Image.Image], seed: int) -> list[_Item]:
    places = (PRINTS, PRINTS, WALLS, NOTES)
    return [
        _copy(work, edit, site, "forbidden", neighbours, seed + 77)
        for work, edit, site in zip(works, EDITS, places, strict=False)
    ]


def _shipped(file: Path, role: Role, site: int) -> _Item:
    return _Item(site, role, f"/pictures/{file.name}", file.read_bytes(), file.stem)


def _generated(random: np.random.Generator, number: int, seed: int) -> _Item:
    size = SIZES[int(random.integers(len(SIZES)))]
    path = f"/pictures/{'-'.join(words(random, 2))}-{number}.jpg"
    return _Item(number % 3, "unrelated", path, _jpeg(textured(seed * 10_000 + number, size)), f"generated {number}")


def _traps(seed: int) -> list[_Item]:
    whole = _jpeg(textured(seed * 10_000 + 9_999, (400, 300)))
    files: tuple[tuple[TrapKind, str, bytes | None], ...] = (
        ("truncated", "half-uploaded.jpg", broken.truncated(whole)),
        ("html-named-jpg", "moved.jpg", broken.html_named_jpg()),
        ("bomb-header", "enormous.png", broken.bomb_header()),
        ("empty", "empty.jpg", b""),
        ("not-a-picture", "scrambled.gif", broken.not_a_picture()),
        ("missing", "gone.jpg", None),
    )
    items = [
        _Item((number + copy) % 3, "trap", f"/uploads/{copy}-{name}", data, name, trap=kind)
        for number, (kind, name, data) in enumerate(files)
        for copy in range(2)
    ]
    return items + [
        _Item(site, "trap", f"/go/partner-{number}.jpg", None, target, trap="private-address", target=target)
        for number, (site, target) in enumerate(zip((PRINTS, WALLS, NOTES), PRIVATE_TARGETS, strict=True))
    ]


def _write_site(folder: Path, site: Site, items: Sequence[_Item], seed: int) -> list[tuple[_Item, str]]:
    """Write images, pages and links to them. Returns each item with the URL of its page."""
    random = np.random.default_rng([seed, 2])
    for item in items:
        if item.data is not None:
            _write(folder, item.path, item.data)
    pages, homes = [], []
    for path, page_items in _paged(items, site, random):
        pages.append(_page(path, page_items, site, random))
        homes += [(item, urljoin(site.base, path)) for item in page_items]
    links = [("/", "Home"), *((page.path, page.title) for page in pages)]
    front = Page("/index.html", site.title, sentence(random), ())
    for page in [front, *pages]:
        _write(folder, page.path, page_html(page, site, links).encode())
        _write(folder, page.stylesheet, page_css(page).encode())
    open_pages = [page for page in pages if not page.path.startswith("/members")]
    _write(folder, "/site.css", site_css(site).encode())
    _write(folder, "/robots.txt", b"User-agent: *\nDisallow: /members/\n")
    _write(folder, f"/{REDIRECTS}", "".join(f"{i.path} {i.target}\n" for i in items if i.target).encode())
    if site.source == "sitemap":
        _write(folder, "/sitemap.xml", sitemap_xml(pages, site).encode())
    if site.source == "feed":
        _write(folder, "/feed.xml", feed_xml(open_pages, site).encode())
    return homes


def _paged(items: Sequence[_Item], site: Site, random: np.random.Generator) -> Iterator[tuple[str, list[_Item]]]:
    """Distribute the items over pages: /members and /press by their folder, the others randomly, nine to a page.

    One image of the disallowed folder is shown on an open page, as happens on real sites.
    """
    shuffled = [items[int(place)] for place in random.permutation(len(items))]
    members = [item for item in shuffled if item.role == "forbidden"]
    press = [item for item in shuffled if item.path.startswith("/press/")]
    other_items = members[1:] + [item for item in shuffled if item not in members and item not in press]
    for number, start in enumerate(range(0, len(other_items), A_PAGE_HOLDS), 1):
        yield f"/{_PAGE_NAMES[site.source]}-{number}.html", other_items[start : start + A_PAGE_HOLDS]
    if press:
        yield "/press/index.html", press
    if members:
        yield "/members/index.html", members[:1]


_PAGE_NAMES: Final[dict[SourceKind, str]] = {"site": "shelf", "sitemap": "wall", "feed": "note"}


def _page(path: str, items: Sequence[_Item], site: Site, random: np.random.Generator) -> Page:
    techniques = _SITES[NAMES.index(site.name)][3]
    pictures = tuple(
        PagePicture(item.path, techniques[number % len(techniques)], sentence(random, 4))
        for number, item in enumerate(items)
    )
    return Page(path, " ".join(words(random, 2)).capitalize(), sentence(random, 24), pictures)


def _plan(sites: tuple[Site, ...], homes: Sequence[tuple[_Item, str]]) -> Plan:
    def at(item: _Item, page: str) -> tuple[str, str, str]:
        site = sites[item.site]
        return site.name, page, urljoin(site.base, item.path)

    def uses(role: Role) -> tuple[Use, ...]:
        return tuple(
            Use(item.name, item.edit, *at(item, page)) for item, page in homes if item.role == role and item.edit
        )

    def placed(role: Role) -> tuple[Placed, ...]:
        return tuple(Placed(item.name, *at(item, page)) for item, page in homes if item.role == role)

    planted, licensed, forbidden = uses("planted"), uses("licensed"), uses("forbidden")
    traps = [Trap(item.trap, *at(item, page), item.target) for item, page in homes if item.trap is not None]
    robots = [
        Trap("robots", use.site, use.page_url, use.image_url)
        for use in forbidden
        if "/members/" not in urlsplit(use.page_url).path
    ]
    return Plan(
        sites,
        planted,
        licensed,
        forbidden,
        placed("lookalike"),
        placed("unrelated"),
        (*traps, *robots),
        _licences(sites, planted, licensed),
    )


def _licences(sites: Sequence[Site], planted: Sequence[Use], licensed: Sequence[Use]) -> tuple[Terms, ...]:
    """Create the ledger: two valid licences, and an expired one, which covers none of the copies that it names."""
    prints, walls, notes = sites
    host = {site.name: urlsplit(site.base).hostname or "" for site in sites}
    by_site = {site.name: tuple(sorted({use.work for use in licensed if use.site == site.name})) for site in sites}
    ended = tuple(sorted({use.work for use in planted if use.site == walls.name}))[:2]
    terms = (
        Terms(by_site[notes.name], notes.title, host[notes.name], "", "2020-01-01", "2099-12-31", "Annual agreement"),
        Terms(
            by_site[prints.name],
            prints.title,
            "",
            f"{prints.base}/press/*",
            "2020-01-01",
            "2099-12-31",
            "Press pictures, below /press only",
        ),
        Terms(ended, walls.title, host[walls.name], "", "2019-01-01", "2020-12-31", "Ended and not renewed"),
    )
    return tuple(row for row in terms if row.works)


def _opened(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        picture.draft("RGB", (1200, 1200))
        return ImageOps.exif_transpose(picture).convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=84)
    return out.getvalue()


def _write(folder: Path, path: str, data: bytes) -> None:
    """Write a file at the path of its URL, with a fixed date, which becomes its Last-Modified."""
    file = folder / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    os.utime(file, (FIRST_DAY, FIRST_DAY))
