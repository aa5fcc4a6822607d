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

from crawler.fetching.images import ImageFetcher
from crawler.fetching.responses import Response
from crawler.formats.job import MIN_GAIN_FRACTION, Kind, Render
from crawler.formats.lines import Refusal
from crawler.reading.document import Document, FoundImage, FoundLink, is_visitable, resolve_url
from crawler.reading.helper import parse_document
from crawler.reading.scripts import may_show_pictures
from crawler.reading.sniff import has_vector_suffix
from crawler.state.crawl import Crawl
from crawler.state.visit import Visit
from exhibit.browser.limits import PageLimits
from exhibit.browser.program import find_browser
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import get_url_host, get_url_origin
from exhibit.reasons import Reason
from exhibit.sentences import Sentence

if TYPE_CHECKING:
    from crawler.rendering.page import RenderedPage
    from crawler.rendering.traffic import Download
    from exhibit.browser.running import ControlledBrowser

MAX_CONCURRENT_PAGES = 2  # pages in the browser at the same time
MAX_TRIES = 2  # a page is rendered again if the browser crashes
QUIET_SECONDS = 0.3
MEMORY_BYTES = 2 << 30  # of the browser with all its processes
RENDERED = "rendered"
WALL_SENTENCES = {
    Reason.WALL: Sentence(
        "The page requires visitors to pass a bot check (CAPTCHA). Content behind this check was not seen."
    ),
    Reason.LOGIN: Sentence("The page requires a login. Content behind the login was not seen."),
}
LOGGER = logging.getLogger(__name__)
FEW_PICTURES = 3  # a page that needs scripts and shows fewer images has few images
MANY_SCRIPTS = 4  # a page with at least as many scripts is script-heavy
LITTLE_TEXT = 400  # characters; a page with less text that runs any script is built by scripts
TRIAL_PAGES = 3  # pages of a host that are rendered before their gains decide about the others
WEAK_TRIAL_PAGES = 1  # the same for pages that may be built by scripts but do not state it
MAX_SCRIPTS_READ = 12  # maximum scripts fetched to decide whether to render a page
_HIDDEN_PLACES = frozenset({"og:image", "twitter:image", "meta", "link", "data-uri"})
"""Values of ``found_in`` for images meant for other sites, and for placeholders. Charts and other content that a page
draws itself are excluded as well."""


class PageRenderer:
    """Renders pages of a crawl.

    Args:
        crawl: The running crawl.
        images: Fetches and stores images.
        download: Makes a request with Scrapy's downloader.
        on_rendered: Receives visit, response, and document with the served and the rendered content.
    """

    def __init__(
        self,
        crawl: Crawl,
        images: ImageFetcher,
        download: "Download",
        on_rendered: Callable[[Visit, Response, Document], None],
    ) -> None:
        self._crawl = crawl
        self._images = images
        self._download = download
        self._on_rendered = on_rendered
        self._histories: dict[str, RenderingHistory] = defaultdict(RenderingHistory)
        for host, earlier in crawl.job.rendered.items():
            self._histories[host] = RenderingHistory(earlier.pages, earlier.gained)
        self._probes: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._turns = asyncio.Semaphore(MAX_CONCURRENT_PAGES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_warned = False
        self._browser = self._start_browser() if crawl.job.render is not Render.NEVER else None

    def _start_browser(self) -> "ControlledBrowser | None":
        search_result = find_browser(self._crawl.job.browser)
        if search_result.path is None:
            self._warn_once(f"{search_result.sentence} {search_result.remedy}")
            return None
        from crawler.rendering.traffic import AssetCache  # noqa: PLC0415 - Playwright may not be installed
        from exhibit.browser.running import ControlledBrowser  # noqa: PLC0415

        self._asset_cache = AssetCache()
        seconds = self._crawl.job.limits.render_page_seconds
        self._limits = PageLimits(
            seconds=seconds,
            load_seconds=seconds / 2,
            scroll_seconds=seconds / 4,
            quiet_seconds=QUIET_SECONDS,
            memory_bytes=MEMORY_BYTES,
        )
        return ControlledBrowser(search_result.path, self._limits)

    def queue_page(self, visit: Visit, response: Response, document: Document) -> None:
        """Queue a page for rendering if the job requires it; the visit waits for the result."""
        if not self._should_render(response, document):
            return
        if self._browser is None:
            self._crawl.budget.count_unrendered("no-browser")
            return
        visit.hold()
        task = asyncio.ensure_future(self._render_in_turn(visit, response, document))
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

    def _should_render(self, response: Response, document: Document) -> bool:
        render = self._crawl.job.render
        if render is Render.NEVER or Kind.IMAGE not in self._crawl.job.kinds:
            return False
        return render is Render.ALWAYS or is_worth_rendering(document, self._histories[get_url_host(response.url)])

    async def _render_in_turn(self, visit: Visit, response: Response, document: Document) -> None:
        host = get_url_host(response.url)
        try:
            # Render one page at a time until a page of the host shows that rendering is worthwhile.
            async with nullcontext() if self._histories[host].gaining_pages else self._probes[host], self._turns:
                # Earlier pages may meanwhile have shown that rendering is not worthwhile for this host.
                if visit.is_over or not self._should_render(response, document):
                    return
                if await self._is_promising(response, document) and self._crawl.budget.reserve_rendering():
                    await self._render_page(visit, response, document)
        finally:
            visit.release()

    async def _is_promising(self, response: Response, document: Document) -> bool:
        """Return True if a page, its host or its scripts suggest that rendering adds images; may fetch scripts."""
        is_known = document.needs_scripts or self._histories[get_url_host(response.url)].gaining_pages
        if self._crawl.job.render is Render.ALWAYS or is_known or document.has_image_scripts:
            return True
        from crawler.rendering.traffic import fetch_resource  # noqa: PLC0415 - Playwright may not be installed

        for url in document.script_urls[:MAX_SCRIPTS_READ]:
            fetch_script = partial(fetch_resource, self._crawl, self._images, self._download, url, response.url, {})
            script = await self._asset_cache.get(url, fetch_script)
            if script is not None and may_show_pictures(script.body.decode("utf-8", "replace")):
                return True
        return False

    async def _render_page(self, visit: Visit, response: Response, document: Document) -> None:
        started_at = time.monotonic()
        rendered, reason = await self._run_browser(response)
        rendered_document = self._read_rendered(rendered, response) if rendered is not None and rendered.html else None
        seconds = time.monotonic() - started_at
        if rendered is None or rendered_document is None:
            self._crawl.budget.cancel_rendering(reason or "no-answer", seconds)
            return
        merged_document = _merge_documents(document, rendered_document, rendered, response.url)
        gained = count_pictures(
            replace(
                merged_document, images=tuple(image for image in merged_document.images if not visit.has_image(image))
            )
        )
        visit.render_seconds = seconds
        host = get_url_host(response.url)
        self._crawl.budget.record_rendering(host, seconds, gained)
        history = self._histories[host]
        history.rendered_pages += 1
        history.gaining_pages += gained > 0
        if rendered.signs and count_pictures(merged_document) < FEW_PICTURES:
            wall_reason = Reason.WALL if any("check" in sign for sign in rendered.signs) else Reason.LOGIN
            visit.record_refusal(Refusal(visit.target.url, wall_reason, WALL_SENTENCES[wall_reason]))
        visit.count_omitted(rendered.left_out)
        if not visit.is_over:
            self._on_rendered(visit, response, merged_document)

    async def _run_browser(self, response: Response) -> "tuple[RenderedPage | None, str]":
        """Return the rendered contents of a page, or ``None`` and a reason."""
        from crawler.rendering.page import render_page  # noqa: PLC0415 - Playwright may not be installed
        from crawler.rendering.traffic import Traffic  # noqa: PLC0415
        from exhibit.browser.running import BrowserLostError  # noqa: PLC0415

        assert self._browser is not None
        traffic = partial(Traffic, self._crawl, self._images, self._download, self._asset_cache, response, response.url)
        for _ in range(MAX_TRIES):
            try:
                task = partial(
                    render_page, url=response.url, job=self._crawl.job, limits=self._limits, create_traffic=traffic
                )
                return await self._browser.run(task), ""
            except BrowserLostError:
                continue
            except ServiceMissingError as error:
                self._warn_once(str(error))
                return None, "no-browser"
            except Exception:  # no error here may lose the served content
                LOGGER.exception("%s cannot be rendered.", response.url)
                return None, "error"
        return None, "browser-lost"

    def _read_rendered(self, rendered: "RenderedPage", response: Response) -> Document | None:
        base = (
            rendered.base
            if is_visitable(rendered.base) and get_url_origin(rendered.base) == get_url_origin(response.url)
            else ""
        )
        try:
            return parse_document(
                rendered.html.encode("utf-8", "replace"),
                Kind.PAGE,
                url=base or response.url,
                content_type="text/html; charset=utf-8",
                token=self._crawl.job.user_agent.token,
            )
        except RefusedError:
            return None

    def _warn_once(self, sentence: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            LOGGER.warning("crawler: no page is rendered. %s", sentence.strip())


def _merge_documents(served: Document, rendered_document: Document, rendered: "RenderedPage", url: str) -> Document:
    """Return the page as served, with additional content from its rendering."""
    images = {image.url: image for image in served.images}
    for image in rendered_document.images:
        found_in = image.found_in if image.found_in == "data-uri" else RENDERED
        images.setdefault(image.url, FoundImage(image.url, found_in, image.context))
    styled = [resolve_url(rendered.base or url, address) for address in rendered.styled]
    for address in [*rendered.requested_urls, *(address for address in styled if address), *rendered.canvas_urls]:
        found_in = "data-uri" if address in styled and address[:5].lower() == "data:" else RENDERED
        images.setdefault(address, FoundImage(address, found_in))
    urls = {image.url for image in served.images} | images.keys() - rendered.tiny
    navigation_links = [
        FoundLink(address, Kind.PAGE) for address in rendered.navigation_targets if is_visitable(address)
    ]
    return replace(
        served,
        images=tuple(image for address, image in images.items() if address in urls),
        links=tuple(dict.fromkeys((*served.links, *rendered_document.links, *navigation_links))),
        title=served.title or rendered_document.title,
        published=served.published or rendered_document.published,
        text=rendered_document.text,
        words=rendered_document.words,
        robots=tuple(dict.fromkeys((*served.robots, *rendered_document.robots))),
        tdm_reservation=served.tdm_reservation or rendered_document.tdm_reservation,
        tdm_policy=served.tdm_policy or rendered_document.tdm_policy,
    )


@dataclass(slots=True)
class RenderingHistory:
    """Results of rendering pages of a host."""

    rendered_pages: int = 0
    gaining_pages: int = 0  # pages that showed images not named in the served page


def is_worth_rendering(document: Document, history: RenderingHistory) -> bool:
    """Return True if a page is worth rendering, by its served content and the gains of earlier pages of its host."""
    if not document.has_scripts:
        return False
    if history.rendered_pages >= TRIAL_PAGES:
        return history.gaining_pages >= MIN_GAIN_FRACTION * history.rendered_pages
    if history.gaining_pages:
        return True
    pictures = count_pictures(
        replace(document, images=tuple(image for image in document.images if not image.is_decorative))
    )
    if document.needs_scripts:
        return pictures < FEW_PICTURES
    has_little_text = document.characters < LITTLE_TEXT
    may_be_scripted = not pictures and (has_little_text or document.scripts >= MANY_SCRIPTS)
    may_be_completed = pictures < FEW_PICTURES and has_little_text and document.script_urls
    return bool(may_be_scripted or may_be_completed) and history.rendered_pages < WEAK_TRIAL_PAGES


def count_pictures(document: Document) -> int:
    """Count the images that a page shows, according to its document."""
    return sum(
        image.found_in not in _HIDDEN_PLACES and image.url[:5] != "data:" and not has_vector_suffix(image.url)
        for image in document.images
    )
