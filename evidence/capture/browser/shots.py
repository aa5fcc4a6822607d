"""Files that the browser makes of a loaded page: screenshots, PDF, MHTML and the rendered DOM."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from playwright.async_api import Error, Frame, Page

from evidence.capture.boxes import AROUND, Place, draw_boxes
from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.places import find_elements, measure_places
from exhibit.browser.loading import page_height, scroll_back
from exhibit.ports import CapturedFile

STEPS = ("dom", "place", "screenshot", "screenshot-boxed", "mhtml", "page-pdf")
"""Steps for a page, in this order."""
PDF_PAGES = "1-60"
PAPER = {"width": "1280px", "height": "1810px"}
"""Paper size with the proportions of A4 and the width of the window, so that the page keeps the screenshot's layout."""
FOOTER = (
    '<div style="font-size:14px;width:100%;padding:0 40px;display:flex;justify-content:space-between">'
    '<span class="url" style="overflow:hidden;white-space:nowrap;max-width:1000px"></span>'
    '<span><span class="pageNumber"></span>/<span class="totalPages"></span></span></div>'
)
MAX_ATTEMPTS = 5  # limit of searches for the image on a page that keeps navigating


@dataclass(slots=True)
class Shots:
    """Files that were made: screenshot, marked screenshot, PDF, MHTML, DOM, as far as possible."""

    files: list[CapturedFile] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)  # where the image is on the page
    missing: dict[str, str] = field(default_factory=dict)  # why a file could not be made, by role
    height: int = 0  # of the page, pixels
    cut: bool = False  # true if the page is taller than its screenshot
    boxed_from: int = 0  # top of the marked screenshot on the page, pixels
    to_box: bytes = b""  # screenshot on which the lines are still to be drawn

    def with_image(self, image_shots: "Shots") -> "Shots":
        """Combine the page's files with the places and files of one image."""
        return Shots(
            [*self.files, *image_shots.files], image_shots.places, self.missing | image_shots.missing,
            self.height, self.cut,
            image_shots.boxed_from, image_shots.to_box,
        )  # fmt: skip

    def store(self, file: CapturedFile, max_bytes: int) -> bytes:
        """Store a file unless it is too large; returns the stored bytes."""
        if len(file.data) > max_bytes:
            self.missing[file.role] = f"It has more than {max_bytes:,} bytes."
            return b""
        self.files.append(file)
        return file.data

    def box(self, max_bytes: int) -> None:
        """Draw the lines on the screenshot of the whole page after the browser is no longer needed."""
        if self.to_box:
            data = draw_boxes(self.to_box, self.places)
            self.store(CapturedFile("screenshot-boxed", "screenshot-boxed.png", "image/png", data), max_bytes)


@dataclass(eq=False, repr=False)
class Photographer:
    """Makes files of one loaded page within limits; a failure is recorded and does not stop the others."""

    page: Page
    limits: BrowserLimits
    seconds_left: Callable[[], float]  # returns the seconds left for the visit

    def __post_init__(self) -> None:
        self._allowed = self.limits.shot_seconds
        self.shots = Shots()  # of the page
        self._image_shots: list[Shots] = []  # of its images

    def list_shots(self, images: int) -> list[Shots]:
        """Return the files of the page and of each of its images, as far as time allowed."""
        return [
            self.shots.with_image(image_shots) for image_shots in (*self._image_shots, *([Shots()] * images))[:images]
        ]

    async def dom(self) -> bytes:
        """Return the rendered DOM as HTML; empty if it is not available."""
        return await self._make("dom", "dom.html", "text/html", self._content)

    async def take(self, images: Sequence[Sequence[str]]) -> None:
        """Find each image by its URLs, then make the page's screenshots, MHTML and PDF."""
        shots = self.shots
        await self._find_all(images)
        shots.height = await page_height(self.page)
        shots.cut = shots.height > self.limits.height
        png = await self._make("screenshot", "screenshot.png", "image/png", lambda: self._shot(0, shots.height))
        for image_shots in self._image_shots:
            if image_shots.places:
                await self._box(png, image_shots)
        await self._make("mhtml", "page.mhtml", "multipart/related", self._mhtml)
        await self._make("page-pdf", "page.pdf", "application/pdf", self._pdf)

    async def _find_all(self, images: Sequence[Sequence[str]]) -> None:
        """Find each image. They share the time of this step, so that later steps keep their own."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._seconds("place")
        for urls in images:
            self._image_shots.append(Shots())
            if loop.time() < until:
                await self._find(urls, self._image_shots[-1], until)
            else:
                self._image_shots[-1].missing["place"] = _describe_error(TimeoutError())

    async def _find(self, urls: Sequence[str], image_shots: Shots, until: float) -> None:
        """Find the image; retries while the page navigates, because navigation invalidates the result."""
        navigations: list[Frame] = []

        def record_navigation(frame: Frame) -> None:
            navigations.append(frame)

        self.page.on("framenavigated", record_navigation)
        try:
            async with asyncio.timeout_at(until):
                for _ in range(MAX_ATTEMPTS):
                    navigations.clear()
                    await self._find_once(urls, image_shots)
                    if image_shots.places or all(frame.parent_frame for frame in navigations):
                        return
            image_shots.missing["place"] = "the page went elsewhere again and again"
        except (Error, TimeoutError) as error:
            image_shots.missing["place"] = _describe_error(error)
            await scroll_back(self.page)
        finally:
            self.page.remove_listener("framenavigated", record_navigation)

    async def _find_once(self, urls: Sequence[str], image_shots: Shots) -> None:
        elements = await find_elements(self.page, urls)
        for _, element in elements[:1]:  # load it if it is lazy
            with suppress(Error):  # it is not visible
                await element.scroll_into_view_if_needed(timeout=2000)
        await scroll_back(self.page)
        size = self.page.viewport_size or {"width": 1280}
        image_shots.places = await measure_places(elements, size["width"])

    async def _box(self, png: bytes, image_shots: Shots) -> None:
        first, limit = image_shots.places[0], self.limits.height
        if png and first.y + first.height <= limit:
            image_shots.to_box = png
            return
        top = max(int(first.y) - AROUND, 0)
        image_shots.boxed_from = top
        height = int(min(first.height, 4000)) + 2 * AROUND

        async def around() -> bytes:
            return await asyncio.to_thread(draw_boxes, await self._shot(top, top + height), image_shots.places, top)

        await self._make("screenshot-boxed", "screenshot-boxed.png", "image/png", around, image_shots)

    async def _make(
        self, role: str, name: str, media_type: str, make: Callable[[], Awaitable[bytes]], target: Shots | None = None
    ) -> bytes:
        shots = self.shots if target is None else target
        try:
            self._allowed = self._seconds(role)
            data = await asyncio.wait_for(make(), self._allowed)
        except (Error, TimeoutError) as error:
            shots.missing[role] = _describe_error(error)
            return b""
        return shots.store(CapturedFile(role, name, media_type, data), self.limits.file_bytes)

    def _seconds(self, role: str) -> float:
        """Return the time limit of a step: all remaining time except what is reserved for later steps."""
        reserved = self.limits.shot_seconds
        return max(self.seconds_left() - reserved * (len(STEPS) - 1 - STEPS.index(role)), reserved)

    async def _content(self) -> bytes:
        return (await self.page.content()).encode("utf-8", "replace")

    async def _shot(self, top: int, bottom: int) -> bytes:
        size = self.page.viewport_size or {"width": 1280, "height": 900}
        height = min(max(bottom, size["height"]) - top, self.limits.height)
        clip = {"x": 0, "y": top, "width": size["width"], "height": height}
        return await self.page.screenshot(full_page=True, clip=clip, timeout=self._allowed * 1000)  # type: ignore[arg-type]

    async def _mhtml(self) -> bytes:
        session = await self.page.context.new_cdp_session(self.page)
        snapshot = await session.send("Page.captureSnapshot", {"format": "mhtml"})
        return str(snapshot["data"]).encode("utf-8", "replace")

    async def _pdf(self) -> bytes:
        await self.page.emulate_media(media="screen")
        return await self.page.pdf(
            **PAPER,  # type: ignore[arg-type]
            print_background=True,
            page_ranges=PDF_PAGES,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            margin={"top": "20px", "bottom": "60px", "left": "0", "right": "0"},
        )


def _describe_error(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else "It took too long."
