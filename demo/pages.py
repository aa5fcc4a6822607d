"""Pages of the demonstration's sites, which embed images with the techniques of real pages."""

import json
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from html import escape
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urljoin

from demo.plan import Site
from demo.serving import MEDIA_TYPES

FIRST_DAY: Final = 1_793_491_200.0  # 2026-11-01: the date of a site's first post
DAY: Final = 86_400.0
ACCENTS: Final = {"prints": "#24405c", "walls": "#3c6e57", "notes": "#8a3b2a"}
LAZY_LOADING: Final = "document.querySelectorAll('img[data-src]').forEach((img) => { img.src = img.dataset.src; });"


@dataclass(frozen=True, slots=True)
class PagePicture:
    """One image on a page: its URL, the technique by which the page embeds it, and its caption."""

    url: str
    technique: str  # One of `_TAGS`, or a reference only in a style sheet, the head, a sitemap or a feed.
    caption: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a site."""

    path: str
    title: str
    text: str
    pictures: tuple[PagePicture, ...]

    @property
    def stylesheet_path(self) -> str:
        """Path of the page's own stylesheet."""
        return f"/css{self.path.removesuffix('.html').rstrip('/')}.css"

    def list_pictures_by_technique(self, *techniques: str) -> tuple[PagePicture, ...]:
        """Return the images shown with one of these techniques."""
        return tuple(picture for picture in self.pictures if picture.technique in techniques)


def render_page(page: Page, site: Site, menu_links: Sequence[tuple[str, str]]) -> str:
    """Render a page: head, navigation with (path, text) links, text and images."""
    menu = " · ".join(f'<a href="{path}">{escape(words)}</a>' for path, words in menu_links)
    pictures = "\n".join(_render_figure(picture) for picture in page.pictures if picture.technique in _TAGS)
    classes = "\n".join(
        f'<div class="picture p{number}" role="img" aria-label="{escape(picture.caption)}"></div>'
        for number, picture in enumerate(page.list_pictures_by_technique("stylesheet"))
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(page.title)} - {escape(site.title)}</title>
<link rel="stylesheet" href="/site.css">
<link rel="stylesheet" href="{page.stylesheet_path}">
{_render_head(page, site)}
</head>
<body>
<header><a href="/">{escape(site.title)}</a></header>
<nav>{menu}</nav>
<main>
<h1>{escape(page.title)}</h1>
<p>{escape(page.text)}</p>
<section class="pictures">
{pictures}
{classes}
</section>
</main>
<footer>{escape(site.title)} is a made-up site. Everything on it was generated for a demonstration.</footer>
<script>{LAZY_LOADING}</script>
</body>
</html>
"""


def render_page_css(page: Page) -> str:
    """Render a page's own stylesheet, with its background images."""
    numbered = enumerate(page.list_pictures_by_technique("stylesheet"))
    return "".join(f'.p{number} {{ background-image: url("{picture.url}"); }}\n' for number, picture in numbered)


def render_site_css(site: Site) -> str:
    """Render the stylesheet shared by all pages of a site."""
    return f"""body {{ margin: 0; font: 17px/1.5 system-ui, sans-serif; color: #222; background: #fbfaf8; }}
header {{ padding: 1rem 2rem; background: {ACCENTS[site.name]}; font-size: 1.4rem; }}
header a {{ color: #fff; text-decoration: none; }}
nav {{ padding: .6rem 2rem; background: #eee; }}
main {{ max-width: 60rem; margin: 0 auto; padding: 1rem 2rem; }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; }} figure img {{ width: 100%; }} figcaption {{ font-size: .9rem; color: #555; }}
.picture {{ min-height: 12rem; background-size: cover; }}
footer {{ padding: 2rem; color: #777; font-size: .85rem; }}
"""


def render_sitemap(pages: Sequence[Page], site: Site) -> str:
    """Render a sitemap with the image extension (sitemaps.org 0.9; image sitemaps 1.1)."""
    entries = "".join(
        f"<url><loc>{escape(urljoin(site.base, page.path))}</loc>"
        + "".join(
            f"<image:image><image:loc>{escape(urljoin(site.base, picture.url))}</image:loc></image:image>"
            for picture in page.list_pictures_by_technique("sitemap")
        )
        + "</url>\n"
        for page in pages
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">\n'
        f"{entries}</urlset>\n"
    )


def render_feed(pages: Sequence[Page], site: Site) -> str:
    """Render an RSS 2.0 feed with enclosures and Media RSS."""
    items = "".join(_render_feed_item(page, site, FIRST_DAY + DAY * day) for day, page in enumerate(pages))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>{escape(site.title)}</title><link>{site.base}/</link><description>Notes and pictures</description>
{items}</channel></rss>
"""


def _render_feed_item(page: Page, site: Site, published_at: float) -> str:
    link = escape(urljoin(site.base, page.path))
    media = "".join(
        f'<media:content url="{escape(urljoin(site.base, picture.url))}" medium="image">'
        f"<media:title>{escape(picture.caption)}</media:title></media:content>"
        for picture in page.list_pictures_by_technique("media-content")
    )
    enclosures = "".join(
        f'<enclosure url="{escape(urljoin(site.base, picture.url))}" '
        f'type="{_guess_media_type(picture.url)}" length="0"/>'
        for picture in page.list_pictures_by_technique("enclosure")
    )
    return (
        f"<item><title>{escape(page.title)}</title><link>{link}</link><guid>{link}</guid>"
        f"<pubDate>{formatdate(published_at, usegmt=True)}</pubDate><description>{escape(page.text)}</description>"
        f"{media}{enclosures}</item>\n"
    )


def _render_head(page: Page, site: Site) -> str:
    cards = [
        f'<meta property="og:image" content="{escape(urljoin(site.base, picture.url))}">'
        for picture in page.list_pictures_by_technique("og-image")
    ]
    data = [
        '<script type="application/ld+json">'
        + json.dumps(
            {
                "@context": "https://schema.org",
                "@type": "Article",
                "headline": page.title,
                "image": [urljoin(site.base, picture.url)],
            }
        )
        + "</script>"
        for picture in page.list_pictures_by_technique("json-ld")
    ]
    return "\n".join(cards + data)


_TAGS: Final = {
    "img": '<img src="{url}" alt="{caption}">',
    "srcset": '<img srcset="{url} 1x" alt="{caption}">',
    "lazy": '<img data-src="{url}" loading="lazy" alt="{caption}">',
    "picture": '<picture><source srcset="{url}" type="{media_type}"><img alt="{caption}"></picture>',
    "link": '<p><a href="{url}">{caption}</a></p>',
    "inline-style": '<div class="picture" style="background-image: url({url})"></div>',
}


def _render_figure(picture: PagePicture) -> str:
    caption = escape(picture.caption)
    tag = _TAGS[picture.technique].format(url=picture.url, caption=caption, media_type=_guess_media_type(picture.url))
    return tag if picture.technique == "link" else f"<figure>{tag}<figcaption>{caption}</figcaption></figure>"


def _guess_media_type(url: str) -> str:
    return MEDIA_TYPES.get(PurePosixPath(url).suffix) or mimetypes.guess_type(url)[0] or "image/jpeg"
