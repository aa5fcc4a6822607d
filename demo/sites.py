"""Generation of three small web sites with copies of works, licensed uses, and many unrelated images."""

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

from demo import broken_files
from demo.edits import EDIT_NAMES, edit_picture
from demo.image_stock import ImageStock, load_stock
from demo.pages import (
    FIRST_DAY,
    Page,
    PagePicture,
    render_feed,
    render_page,
    render_page_css,
    render_site_css,
    render_sitemap,
)
from demo.pictures import generate_textured
from demo.plan import CopyUse, LicenceTerms, OtherImage, Plan, Site, SourceKind, Trap, TrapKind
from demo.random_words import draw_sentence, draw_words
from demo.serving import REDIRECTS_NAME

NAMES: Final = ("prints", "walls", "notes")
COPIES_PER_EDIT: Final = 2
MIN_PICTURES: Final = 200
PICTURES_PER_PAGE: Final = 9
PRIVATE_TARGETS: Final = ("http://10.0.0.1/x.jpg", "http://169.254.169.254/latest/x.jpg", "http://127.0.0.1/x.jpg")
SIZES: Final = ((400, 300), (300, 400), (360, 240), (320, 320))

_COMMON_TECHNIQUES: Final = ("img", "srcset", "inline-style", "stylesheet", "link", "picture", "lazy")
_SITES: Final[tuple[tuple[str, SourceKind, str, tuple[str, ...]], ...]] = (
    ("Harbour Prints", "site", "/", (*_COMMON_TECHNIQUES, "json-ld", "og-image")),
    ("Daily Walls", "sitemap", "/sitemap.xml", (*_COMMON_TECHNIQUES, "sitemap", "sitemap")),
    ("Small Notes", "feed", "/feed.xml", (*_COMMON_TECHNIQUES, "media-content", "enclosure")),
)
PRINTS_SITE, WALLS_SITE, NOTES_SITE = range(3)

Role = Literal["planted", "licensed", "forbidden", "lookalike", "unrelated", "trap"]


@dataclass(frozen=True, slots=True)
class _Item:
    """One image URL of a site. `data` is None if the file is missing or redirects to `target`."""

    site: int
    role: Role
    path: str
    data: bytes | None
    name: str = ""
    edit: str | None = None
    trap: TrapKind | None = None
    target: str | None = None


def build_sites(folders: Sequence[Path], works: Sequence[Path], bases: Sequence[str], seed: int = 1) -> Plan:
    """Write three sites with about 300 images into three folders. The output is deterministic.

    Args:
        folders: One for each site, created if missing.
        works: At least four dissimilar image files, whose copies are placed on the sites.
        bases: URL of each site, such as `http://127.0.0.2:8001`.
        seed: Determines all random choices.
    """
    sites = tuple(
        Site(name, title, base, source, urljoin(base, start))
        for name, base, (title, source, start, _) in zip(NAMES, bases, _SITES, strict=True)
    )
    items = _create_items(works, load_stock(works), seed)
    uses: list[tuple[_Item, str]] = []
    for number, folder in enumerate(folders):
        uses += _write_site(folder, sites[number], [item for item in items if item.site == number], seed + number)
    return _build_plan(sites, uses)


def _create_items(works: Sequence[Path], stock: ImageStock, seed: int) -> list[_Item]:
    """Create the images of all sites, in no particular order."""
    random = np.random.default_rng([seed, 1])
    neighbours = [_load_picture(file) for file in stock.unrelated] + [generate_textured(number) for number in range(3)]
    placements = _distribute_works(works)
    items = [_create_copy(work, edit, site, "planted", neighbours, seed) for work, edit, site in placements]
    items += _create_licensed_uses(works, {(work, site) for work, _, site in placements}, neighbours, seed)
    items += _create_forbidden_copies(works, neighbours, seed)
    items += [_load_shipped_item(file, "lookalike", number % 3) for number, file in enumerate(stock.lookalikes)]
    items += [_load_shipped_item(file, "unrelated", number % 3) for number, file in enumerate(stock.unrelated)]
    items += _create_traps(seed)
    missing_count = max(MIN_PICTURES - len(items), 0)
    items += [_generate_item(random, number, seed) for number in range(missing_count)]
    return items


def _distribute_works(works: Sequence[Path]) -> list[tuple[Path, str, int]]:
    """Distribute the works over edits and sites. A work repeats on a site only if there are no others."""
    copies_per_edit = min(COPIES_PER_EDIT, len(works))
    total = copies_per_edit * len(EDIT_NAMES)
    return [
        (works[number % len(works)], EDIT_NAMES[number // copies_per_edit], (number + number // len(works)) % 3)
        for number in range(total)
    ]


def _create_copy(work: Path, edit: str, site: int, role: Role, neighbours: Sequence[Image.Image], seed: int) -> _Item:
    # The seed depends on the work's name, not its index: adding an image to a folder changes no other copy.
    work_seed = zlib.crc32(work.name.encode()) + seed
    random = np.random.default_rng([work_seed, EDIT_NAMES.index(edit), site])
    collage_pictures = [neighbours[int(index)] for index in random.permutation(len(neighbours))[:3]]
    copy = edit_picture(edit, _load_picture(work), collage_pictures, work_seed + site)
    path = f"{_FOLDERS[role]}/{'-'.join(draw_words(random, 2))}-{random.integers(10_000, 99_999)}{copy.suffix}"
    return _Item(site, role, path, copy.data, work.name, edit)


_FOLDERS: Final[dict[Role, str]] = {"planted": "/pictures", "licensed": "/pictures", "forbidden": "/members"}


def _create_licensed_uses(
    works: Sequence[Path], used_places: set[tuple[Path, int]], neighbours: Sequence[Image.Image], seed: int
) -> list[_Item]:
    """Create licensed uses anywhere on one site and below /press on another, of works without other copies there."""
    edits = ("resized", "cropped", "webp", "captioned")
    items = []
    for site in (NOTES_SITE, PRINTS_SITE):
        free_works = [work for work in works if (work, site) not in used_places][: len(edits)]
        for work, edit in zip(free_works, edits, strict=False):
            item = _create_copy(work, edit, site, "licensed", neighbours, seed)
            items.append(item if site == NOTES_SITE else replace(item, path=f"/press/{Path(item.path).name}"))
    return items


def _create_forbidden_copies(works: Sequence[Path], neighbours: Sequence[Image.Image], seed: int) -> list[_Item]:
    sites = (PRINTS_SITE, PRINTS_SITE, WALLS_SITE, NOTES_SITE)
    return [
        _create_copy(work, edit, site, "forbidden", neighbours, seed + 77)
        for work, edit, site in zip(works, EDIT_NAMES, sites, strict=False)
    ]


def _load_shipped_item(file: Path, role: Role, site: int) -> _Item:
    return _Item(site, role, f"/pictures/{file.name}", file.read_bytes(), file.stem)


def _generate_item(random: np.random.Generator, number: int, seed: int) -> _Item:
    size = SIZES[int(random.integers(len(SIZES)))]
    path = f"/pictures/{'-'.join(draw_words(random, 2))}-{number}.jpg"
    return _Item(
        number % 3,
        "unrelated",
        path,
        _encode_jpeg(generate_textured(seed * 10_000 + number, size)),
        f"generated {number}",
    )


def _create_traps(seed: int) -> list[_Item]:
    intact_image = _encode_jpeg(generate_textured(seed * 10_000 + 9_999, (400, 300)))
    files: tuple[tuple[TrapKind, str, bytes | None], ...] = (
        ("truncated", "half-uploaded.jpg", broken_files.make_truncated_image(intact_image)),
        ("html-named-jpg", "moved.jpg", broken_files.make_html_page()),
        ("bomb-header", "enormous.png", broken_files.make_bomb_header()),
        ("empty", "empty.jpg", b""),
        ("not-a-picture", "scrambled.gif", broken_files.make_random_bytes()),
        ("missing", "gone.jpg", None),
    )
    items = [
        _Item((number + copy) % 3, "trap", f"/uploads/{copy}-{name}", data, name, trap=kind)
        for number, (kind, name, data) in enumerate(files)
        for copy in range(2)
    ]
    return items + [
        _Item(site, "trap", f"/go/partner-{number}.jpg", None, target, trap="private-address", target=target)
        for number, (site, target) in enumerate(
            zip((PRINTS_SITE, WALLS_SITE, NOTES_SITE), PRIVATE_TARGETS, strict=True)
        )
    ]


def _write_site(folder: Path, site: Site, items: Sequence[_Item], seed: int) -> list[tuple[_Item, str]]:
    """Write images, pages and index files. Returns each item with the URL of its page."""
    random = np.random.default_rng([seed, 2])
    for item in items:
        if item.data is not None:
            _write_file(folder, item.path, item.data)
    pages, item_pages = [], []
    for path, page_items in _distribute_items(items, site, random):
        pages.append(_create_page(path, page_items, site, random))
        item_pages += [(item, urljoin(site.base, path)) for item in page_items]
    links = [("/", "Home"), *((page.path, page.title) for page in pages)]
    home_page = Page("/index.html", site.title, draw_sentence(random), ())
    for page in [home_page, *pages]:
        _write_file(folder, page.path, render_page(page, site, links).encode())
        _write_file(folder, page.stylesheet_path, render_page_css(page).encode())
    open_pages = [page for page in pages if not page.path.startswith("/members")]
    _write_file(folder, "/site.css", render_site_css(site).encode())
    _write_file(folder, "/robots.txt", b"User-agent: *\nDisallow: /members/\n")
    _write_file(
        folder,
        f"/{REDIRECTS_NAME}",
        "".join(f"{redirect.path} {redirect.target}\n" for redirect in items if redirect.target).encode(),
    )
    if site.source == "sitemap":
        _write_file(folder, "/sitemap.xml", render_sitemap(pages, site).encode())
    if site.source == "feed":
        _write_file(folder, "/feed.xml", render_feed(open_pages, site).encode())
    return item_pages


def _distribute_items(
    items: Sequence[_Item], site: Site, random: np.random.Generator
) -> Iterator[tuple[str, list[_Item]]]:
    """Distribute the items over pages: /members and /press by their folder, the others randomly, nine to a page.

    Images of the disallowed folder, except the first one, are shown on allowed pages, as on real sites.
    """
    shuffled = [items[int(index)] for index in random.permutation(len(items))]
    members = [item for item in shuffled if item.role == "forbidden"]
    press = [item for item in shuffled if item.path.startswith("/press/")]
    other_items = members[1:] + [item for item in shuffled if item not in members and item not in press]
    for number, start in enumerate(range(0, len(other_items), PICTURES_PER_PAGE), 1):
        yield f"/{_PAGE_NAMES[site.source]}-{number}.html", other_items[start : start + PICTURES_PER_PAGE]
    if press:
        yield "/press/index.html", press
    if members:
        yield "/members/index.html", members[:1]


_PAGE_NAMES: Final[dict[SourceKind, str]] = {"site": "shelf", "sitemap": "wall", "feed": "note"}


def _create_page(path: str, items: Sequence[_Item], site: Site, random: np.random.Generator) -> Page:
    techniques = _SITES[NAMES.index(site.name)][3]
    pictures = tuple(
        PagePicture(item.path, techniques[number % len(techniques)], draw_sentence(random, 4))
        for number, item in enumerate(items)
    )
    return Page(path, " ".join(draw_words(random, 2)).capitalize(), draw_sentence(random, 24), pictures)


def _build_plan(sites: tuple[Site, ...], item_pages: Sequence[tuple[_Item, str]]) -> Plan:
    def locate(item: _Item, page: str) -> tuple[str, str, str]:
        site = sites[item.site]
        return site.name, page, urljoin(site.base, item.path)

    def list_uses(role: Role) -> tuple[CopyUse, ...]:
        return tuple(
            CopyUse(item.name, item.edit, *locate(item, page))
            for item, page in item_pages
            if item.role == role and item.edit
        )

    def list_other_images(role: Role) -> tuple[OtherImage, ...]:
        return tuple(OtherImage(item.name, *locate(item, page)) for item, page in item_pages if item.role == role)

    planted_uses, licensed_uses, forbidden_uses = list_uses("planted"), list_uses("licensed"), list_uses("forbidden")
    traps = [Trap(item.trap, *locate(item, page), item.target) for item, page in item_pages if item.trap is not None]
    robots_traps = [
        Trap("robots", use.site, use.page_url, use.image_url)
        for use in forbidden_uses
        if "/members/" not in urlsplit(use.page_url).path
    ]
    return Plan(
        sites,
        planted_uses,
        licensed_uses,
        forbidden_uses,
        list_other_images("lookalike"),
        list_other_images("unrelated"),
        (*traps, *robots_traps),
        _create_licences(sites, planted_uses, licensed_uses),
    )


def _create_licences(
    sites: Sequence[Site], planted_uses: Sequence[CopyUse], licensed_uses: Sequence[CopyUse]
) -> tuple[LicenceTerms, ...]:
    """Create the ledger: two valid licences, and an expired one for copies that it no longer covers."""
    prints, walls, notes = sites
    host = {site.name: urlsplit(site.base).hostname or "" for site in sites}
    works_by_site = {
        site.name: tuple(sorted({use.work for use in licensed_uses if use.site == site.name})) for site in sites
    }
    expired_works = tuple(sorted({use.work for use in planted_uses if use.site == walls.name}))[:2]
    terms = (
        LicenceTerms(
            works_by_site[notes.name], notes.title, host[notes.name], "", "2020-01-01", "2099-12-31", "Annual agreement"
        ),
        LicenceTerms(
            works_by_site[prints.name],
            prints.title,
            "",
            f"{prints.base}/press/*",
            "2020-01-01",
            "2099-12-31",
            "Press pictures, below /press only",
        ),
        LicenceTerms(
            expired_works, walls.title, host[walls.name], "", "2019-01-01", "2020-12-31", "Ended and not renewed"
        ),
    )
    return tuple(row for row in terms if row.works)


def _load_picture(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        picture.draft("RGB", (1200, 1200))
        return ImageOps.exif_transpose(picture).convert("RGB")


def _encode_jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=84)
    return out.getvalue()


def _write_file(folder: Path, path: str, data: bytes) -> None:
    """Write a file at the path of its URL, with a fixed modification time for the Last-Modified header."""
    file = folder / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    os.utime(file, (FIRST_DAY, FIRST_DAY))
