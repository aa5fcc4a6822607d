"""Rendering within a crawl: selects pages, queues them for one browser, and adds the results to the page."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from crawler.fetching.answers import Response
from crawler.fetching.images import Images
from crawler.formats.job import WORTH, Kind, Render
from crawler.formats.lines import Refusal
from crawler.reading.found import Document, FoundImage, FoundLink, absolute, is_visitable
from crawler.reading.helper import document_of
from crawler.reading.scripts import may_show_pictures
from crawler.reading.sniff import has_vector_suffix
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit
from exhibit.browser.limits import PageLimits
from exhibit.browser.program import find_browser
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import host_of, origin_of
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from crawler.rendering.page import RenderedPage
    from crawler.rendering.traffic import Download
    from exhibit.browser.running import SteeredBrowser

AT_ONCE = 2  # pages in the browser at the same time
TRIES = 2  # a page is rendered once more if the browser crashes
QUIET_SECONDS = 0.3
MEMORY_BYTES = 2 << 30  # of the browser with all its processes
RENDERED = "rendered"
WALLS = {
    Reason.WALL: Sentence("The page requires visitors to pass a robot check. Content behind this check was not seen."),
    Reason.LOGIN: Sentence("The page requires a login. Content behind the login was not seen."),
}
LOGGER = logging.getLogger(__name__)
FEW_PICTURES = 3  # a page that needs scripts and shows fewer images has few images
MANY_SCRIPTS = 4  # a page with at least as many scripts is script-heavy
LITTLE_TEXT = 400  # characters; a page with less text that runs any script is built by scripts
TRIAL_PAGES = 3  # pages of a host that are rendered before their gains decide about the others
WEAKLY_TRIED = 1  # the same for pages that scripts may build, though their content does not say so
SCRIPTS_READ = 12  # scripts read of a page for which only its appearance suggests rendering
_NOT_SHOWN = frozenset({"og:image", "twitter:image", "meta", "link", "data-uri"})
"""Places that name an image for other sites, and placeholders. Content that a page draws itself, such as charts, is
excluded as well."""


class Rendering:
    """Renders pages of a crawl.

    Args:
        crawl: The running crawl.
        images: Fetches and stores images.
        download: Makes a request with Scrapy's downloader.
        rendered: Receives visit, response, and document with the served and the rendered content.
    """

    def __init__(
        self, crawl: Crawl, images: Images, download: "Download", rendered: Callable[[Visit, Response, Document], None]
    ) -> None:
        self._crawl = crawl
        self._images = images
        self._download = download
        self._rendered = rendered
        self._pasts: dict[str, Past] = defaultdict(Past)
        for host, before in crawl.job.rendered.items():
            self._pasts[host] = Past(before.pages, before.gained)
        self._probes: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_told = False
        self._browser = self._find() if crawl.job.render is not Render.NEVER else None

    def _find(self) -> "SteeredBrowser | None":
        path = find_browser(self._crawl.job.browser)
        if path.path is None:
            self._tell(f"{path.sentence} {path.remedy}")
            return None
        from crawler.rendering.traffic import AssetCache  # noqa: PLC0415 - Playwright may not be installed
        from exhibit.browser.running import SteeredBrowser  # noqa: PLC0415

        self._lasting = AssetCache()
        seconds = self._crawl.job.limits.render_page_seconds
        self._limits = PageLimits(
            seconds=seconds,
            load_seconds=seconds / 2,
            scroll_seconds=seconds / 4,
            quiet_seconds=QUIET_SECONDS,
            memory_bytes=MEMORY_BYTES,
        )
        return SteeredBrowser(path.path, self._limits)

    def consider(self, visit: Visit, response: Response, document: Document) -> None:
        """Queue a page for rendering if the job requires it; the visit waits for the result."""
        if not self._is_wanted(response, document):
            return
        if self._browser is None:
            self._crawl.budget.leave_unrendered("no-browser")
            return
        visit.hold()
        task = asyncio.ensure_future(self._in_turn(visit, response, document))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel renderings in progress, and stop the browser."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._browser is not None:
            await self._browser.stop()

    def _is_wanted(self, response: Response, document: Document) -> bool:
        render = self._crawl.job.render
        if render is Render.NEVER or Kind.IMAGE not in self._crawl.job.kinds:
            return False
        return render is Render.ALWAYS or is_worth(document, self._pasts[host_of(response.url)])

    async def _in_turn(self, visit: Visit, response: Response, document: Document) -> None:
        host = host_of(response.url)
        try:
            # Render one page at a time until a page of the host shows that rendering is worthwhile.
            async with nullcontext() if self._pasts[host].gained else self._probes[host], self._turns:
                # Earlier pages may meanwhile have shown that rendering is not worthwhile for this host.
                if visit.is_over or not self._is_wanted(response, document):
                    return
                if await self._promises(response, document) and self._crawl.budget.begin_rendering():
                    await self._render(visit, response, document)
        finally:
            visit.release()

    async def _promises(self, response: Response, document: Document) -> bool:
        """Return True if more than a page's appearance suggests rendering; fetches its scripts if necessary."""
        is_known = document.needs_scripts or self._pasts[host_of(response.url)].gained
        if self._crawl.job.render is Render.ALWAYS or is_known or document.scripts_show:
            return True
        from crawler.rendering.traffic import fetched  # noqa: PLC0415 - Playwright may not be installed

        for url in document.script_urls[:SCRIPTS_READ]:
            ask = partial(fetched, self._crawl, self._images, self._download, url, response.url, {})
            script = await self._lasting.get(url, ask)
            if script is not None and may_show_pictures(script.body.decode("utf-8", "replace")):
                return True
        return False

    async def _render(self, visit: Visit, response: Response, document: Document) -> None:
        began = time.monotonic()
        rendered, reason = await self._show(response)
        read = self._read_rendered(rendered, response) if rendered is not None and rendered.html else None
        seconds = time.monotonic() - began
        if rendered is None or read is None:
            self._crawl.budget.drop_rendering(reason or "no-answer", seconds)
            return
        whole = _whole(document, read, rendered, response.url)
        gained = pictures_of(replace(whole, images=tuple(image for image in whole.images if not visit.has(image))))
        visit.render_seconds = seconds
        host = host_of(response.url)
        self._crawl.budget.end_rendering(host, seconds, gained)
        past = self._pasts[host]
        past.rendered += 1
        past.gained += gained > 0
        if rendered.signs and pictures_of(whole) < FEW_PICTURES:
            wall = Reason.WALL if any("check" in sign for sign in rendered.signs) else Reason.LOGIN
            visit.refuse(Refusal(visit.target.url, wall, WALLS[wall]))
        visit.leave_out(rendered.left_out)
        if not visit.is_over:
            self._rendered(visit, response, whole)

    async def _show(self, response: Response) -> "tuple[RenderedPage | None, str]":
        """Return the rendered contents of a page, or ``None`` and a reason."""
        from crawler.rendering.page import show  # noqa: PLC0415 - Playwright may not be installed
        from crawler.rendering.traffic import Traffic  # noqa: PLC0415
        from exhibit.browser.running import BrowserLostError  # noqa: PLC0415

        assert self._browser is not None
        traffic = partial(Traffic, self._crawl, self._images, self._download, self._lasting, response, response.url)
        for _ in range(TRIES):
            try:
                work = partial(show, url=response.url, job=self._crawl.job, limits=self._limits, traffic_of=traffic)
                return await self._browser.run(work), ""
            except BrowserLostError:
                continue
            except ServiceMissingError as error:
                self._tell(str(error))
                return None, "no-browser"
            except Exception:  # whatever a page causes here, the served content is kept
                LOGGER.exception("%s can't be rendered.", response.url)
                return None, "error"
        return None, "browser-lost"

    def _read_rendered(self, rendered: "RenderedPage", response: Response) -> Document | None:
        base = (
            rendered.base if is_visitable(rendered.base) and origin_of(rendered.base) == origin_of(response.url) else ""
        )
        try:
            return document_of(
                rendered.html.encode("utf-8", "replace"),
                Kind.PAGE,
                url=base or response.url,
                content_type="text/html; charset=utf-8",
                token=self._crawl.job.user_agent.token,
            )
        except RefusedError:
            return None

    def _tell(self, sentence: str) -> None:
        if not self._has_told:
            self._has_told = True
            LOGGER.warning("crawler: no page is rendered. %s", sentence.strip())


def _whole(served: Document, rendered_document: Document, rendered: "RenderedPage", url: str) -> Document:
    """Return the page as served, with additional content from its rendering."""
    images = {image.url: image for image in served.images}
    for image in rendered_document.images:
        place = image.found_in if image.found_in == "data-uri" else RENDERED
        images.setdefault(image.url, FoundImage(image.url, place, image.context))
    styled = [absolute(rendered.base or url, address) for address in rendered.styled]
    for address in [*rendered.requested_urls, *(address for address in styled if address), *rendered.canvas_urls]:
        place = "data-uri" if address in styled and address[:5].lower() == "data:" else RENDERED
        images.setdefault(address, FoundImage(address, place))
    urls = {image.url for image in served.images} | images.keys() - rendered.tiny
    moves = [FoundLink(address, Kind.PAGE) for address in rendered.moves if is_visitable(address)]
    return replace(
        served,
        images=tuple(image for address, image in images.items() if address in urls),
        links=tuple(dict.fromkeys((*served.links, *rendered_document.links, *moves))),
        title=served.title or rendered_document.title,
        published=served.published or rendered_document.published,
        text=rendered_document.text,
        words=rendered_document.words,
        robots=tuple(dict.fromkeys((*served.robots, *rendered_document.robots))),
        tdm_reservation=served.tdm_reservation or rendered_document.tdm_reservation,
        tdm_policy=served.tdm_policy or rendered_document.tdm_policy,
    )


@dataclass(slots=True)
class Past:
    """Results of rendering pages of a host."""

    rendered: int = 0
    gained: int = 0  # pages that showed images not named in the served page


def is_worth(document: Document, past: Past) -> bool:
    """Return True if a page is worth rendering, by its served content and the gains of earlier pages of its host."""
    if not document.runs_scripts:
        return False
    if past.rendered >= TRIAL_PAGES:
        return past.gained >= WORTH * past.rendered
    if past.gained:
        return True
    pictures = pictures_of(replace(document, images=tuple(one for one in document.images if not one.is_aside)))
    if document.needs_scripts:
        return pictures < FEW_PICTURES
    is_little = document.characters < LITTLE_TEXT
    may_be_made = not pictures and (is_little or document.scripts >= MANY_SCRIPTS)
    may_be_filled = pictures < FEW_PICTURES and is_little and document.script_urls
    return bool(may_be_made or may_be_filled) and past.rendered < WEAKLY_TRIED


def pictures_of(document: Document) -> int:
    """Count the images that a page shows, as far as its document tells."""
    return sum(
        image.found_in not in _NOT_SHOWN and image.url[:5] != "data:" and not has_vector_suffix(image.url)
        for image in document.images
    )
