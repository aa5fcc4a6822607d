"""Files that the browser creates of a loaded page: screenshots, PDF, MHTML and the rendered DOM."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from playwright.async_api import Error, Frame, Page

from evidence.capture.boxes import CONTEXT_PIXELS, Place, draw_boxes
from evidence.capture.browser.limits import BrowserLimits
from evidence.capture.browser.places import find_elements, measure_places
from exhibit.browser.loading import measure_page_height, scroll_back
from exhibit.ports import CapturedFile

STEPS = ("dom", "place", "screenshot", "screenshot-boxed", "mhtml", "page-pdf")
"""Steps for a page, in this order."""
PDF_PAGES = "1-60"
PAPER_SIZE = {"width": "1280px", "height": "1810px"}
"""Paper size with the proportions of A4 and the width of the window, so that the page keeps the screenshot's layout."""
FOOTER_HTML = (
    '<div style="font-size:14px;width:100%;padding:0 40px;display:flex;justify-content:space-between">'
    '<span class="url" style="overflow:hidden;white-space:nowrap;max-width:1000px"></span>'
    '<span><span class="pageNumber"></span>/<span class="totalPages"></span></span></div>'
)
MAX_ATTEMPTS = 5  # maximum number of searches for the image on a page that keeps navigating


@dataclass(slots=True)
class PageFiles:
    """Files of a page: screenshot, screenshot with outlines, PDF, MHTML, DOM, as far as available."""

    files: list[CapturedFile] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)  # positions of the image on the page
    missing_reasons: dict[str, str] = field(default_factory=dict)  # reasons for missing files, by role
    height: int = 0  # height of the page, pixels
    is_cropped: bool = False  # true if the page is taller than its screenshot
    boxed_screenshot_top: int = 0  # top of the screenshot with outlines on the page, pixels
    unmarked_screenshot: bytes = b""  # screenshot to which outlines will be added

    def combine_with_image(self, image_files: "PageFiles") -> "PageFiles":
        """Combine the page's files with the positions and files of one image."""
        return PageFiles(
            [*self.files, *image_files.files], image_files.places, self.missing_reasons | image_files.missing_reasons,
            self.height, self.is_cropped,
            image_files.boxed_screenshot_top, image_files.unmarked_screenshot,
        )  # fmt: skip

    def store(self, file: CapturedFile, max_bytes: int) -> bytes:
        """Store a file unless it is too large, and return the stored bytes."""
        if len(file.data) > max_bytes:
            self.missing_reasons[file.role] = f"It has more than {max_bytes:,} bytes."
            return b""
        self.files.append(file)
        return file.data

    def store_boxed_screenshot(self, max_bytes: int) -> None:
        """Draw outlines on the full screenshot and store it; this does not need the browser."""
        if self.unmarked_screenshot:
            data = draw_boxes(self.unmarked_screenshot, self.places)
            self.store(CapturedFile("screenshot-boxed", "screenshot-boxed.png", "image/png", data), max_bytes)


@dataclass(eq=False, repr=False)
class PageRecorder:
    """Creates the files of one loaded page within limits; failures are recorded and do not stop other files."""

    page: Page
    limits: BrowserLimits
    seconds_left: Callable[[], float]  # returns the seconds left for the visit

    def __post_init__(self) -> None:
        self._step_seconds = self.limits.shot_seconds
        self.page_files = PageFiles()  # files of the page
        self._files_by_image: list[PageFiles] = []  # files of its images

    def list_page_files(self, image_count: int) -> list[PageFiles]:
        """Return the files of the page combined with those of each image; files may be missing if time ran out."""
        return [
            self.page_files.combine_with_image(image_files)
            for image_files in (*self._files_by_image, *([PageFiles()] * image_count))[:image_count]
        ]

    async def read_dom(self) -> bytes:
        """Return the rendered DOM as HTML; empty if it is not available."""
        return await self._record_file("dom", "dom.html", "text/html", self._read_content)

    async def record_page(self, images: Sequence[Sequence[str]]) -> None:
        """Find each image by its URLs, then create the page's screenshots, MHTML and PDF."""
        page_files = self.page_files
        await self._find_images(images)
        page_files.height = await measure_page_height(self.page)
        page_files.is_cropped = page_files.height > self.limits.height
        png = await self._record_file(
            "screenshot", "screenshot.png", "image/png", lambda: self._take_screenshot(0, page_files.height)
        )
        for image_files in self._files_by_image:
            if image_files.places:
                await self._take_boxed_screenshot(png, image_files)
        await self._record_file("mhtml", "page.mhtml", "multipart/related", self._create_mhtml)
        await self._record_file("page-pdf", "page.pdf", "application/pdf", self._create_pdf)

    async def _find_images(self, images: Sequence[Sequence[str]]) -> None:
        """Find all images within the time of one step, so that the time of later steps remains."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._compute_time_limit("place")
        for urls in images:
            self._files_by_image.append(PageFiles())
            if loop.time() < deadline:
                await self._find_image(urls, self._files_by_image[-1], deadline)
            else:
                self._files_by_image[-1].missing_reasons["place"] = _describe_error(TimeoutError())

    async def _find_image(self, urls: Sequence[str], image_files: PageFiles, deadline: float) -> None:
        """Find an image, with retries while the page navigates, because navigation invalidates the result."""
        navigations: list[Frame] = []

        def record_navigation(frame: Frame) -> None:
            navigations.append(frame)

        self.page.on("framenavigated", record_navigation)
        try:
            async with asyncio.timeout_at(deadline):
                for _ in range(MAX_ATTEMPTS):
                    navigations.clear()
                    await self._find_image_once(urls, image_files)
                    if image_files.places or all(frame.parent_frame for frame in navigations):
                        return
            image_files.missing_reasons["place"] = "The page repeatedly redirected to other URLs."
        except (Error, TimeoutError) as error:
            image_files.missing_reasons["place"] = _describe_error(error)
            await scroll_back(self.page)
        finally:
            self.page.remove_listener("framenavigated", record_navigation)

    async def _find_image_once(self, urls: Sequence[str], image_files: PageFiles) -> None:
        elements = await find_elements(self.page, urls)
        for _, element in elements[:1]:  # triggers lazy loading
            with suppress(Error):  # invisible elements raise an error
                await element.scroll_into_view_if_needed(timeout=2000)
        await scroll_back(self.page)
        size = self.page.viewport_size or {"width": 1280}
        image_files.places = await measure_places(elements, size["width"])

    async def _take_boxed_screenshot(self, png: bytes, image_files: PageFiles) -> None:
        first_place, max_height = image_files.places[0], self.limits.height
        if png and first_place.y + first_place.height <= max_height:
            image_files.unmarked_screenshot = png
            return
        top = max(int(first_place.y) - CONTEXT_PIXELS, 0)
        image_files.boxed_screenshot_top = top
        height = int(min(first_place.height, 4000)) + 2 * CONTEXT_PIXELS

        async def take_surroundings() -> bytes:
            return await asyncio.to_thread(
                draw_boxes, await self._take_screenshot(top, top + height), image_files.places, top
            )

        await self._record_file("screenshot-boxed", "screenshot-boxed.png", "image/png", take_surroundings, image_files)

    async def _record_file(
        self,
        role: str,
        name: str,
        media_type: str,
        create: Callable[[], Awaitable[bytes]],
        target: PageFiles | None = None,
    ) -> bytes:
        target_files = self.page_files if target is None else target
        try:
            self._step_seconds = self._compute_time_limit(role)
            data = await asyncio.wait_for(create(), self._step_seconds)
        except (Error, TimeoutError) as error:
            target_files.missing_reasons[role] = _describe_error(error)
            return b""
        return target_files.store(CapturedFile(role, name, media_type, data), self.limits.file_bytes)

    def _compute_time_limit(self, role: str) -> float:
        """Compute the time limit of a step: the remaining time minus the time reserved for later steps, in seconds."""
        reserved_seconds = self.limits.shot_seconds
        return max(self.seconds_left() - reserved_seconds * (len(STEPS) - 1 - STEPS.index(role)), reserved_seconds)

    async def _read_content(self) -> bytes:
        return (await self.page.content()).encode("utf-8", "replace")

    async def _take_screenshot(self, top: int, bottom: int) -> bytes:
        size = self.page.viewport_size or {"width": 1280, "height": 900}
        height = min(max(bottom, size["height"]) - top, self.limits.height)
        clip = {"x": 0, "y": top, "width": size["width"], "height": height}
        return await self.page.screenshot(full_page=True, clip=clip, timeout=self._step_seconds * 1000)  # type: ignore[arg-type]

    async def _create_mhtml(self) -> bytes:
        session = await self.page.context.new_cdp_session(self.page)
        snapshot = await session.send("Page.captureSnapshot", {"format": "mhtml"})
        return str(snapshot["data"]).encode("utf-8", "replace")

    async def _create_pdf(self) -> bytes:
        await self.page.emulate_media(media="screen")
        return await self.page.pdf(
            **PAPER_SIZE,  # type: ignore[arg-type]
            print_background=True,
            page_ranges=PDF_PAGES,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER_HTML,
            margin={"top": "20px", "bottom": "60px", "left": "0", "right": "0"},
        )


def _describe_error(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else "It took too long."
