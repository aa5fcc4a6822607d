"""Benefit and cost of rendering pages: pages made by scripts, pages complete as served, and pages in between."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.common import Row
from crawler.formats.job import Job, Limits, Politeness, Render, Target
from crawler.formats.lines import EndLine, PageLine, read_lines
from tests.assets.scripted_pages import LOREM, SHELL, serve_complete, serve_scripted
from tests.assets.site import Site

SCRIPTED, WHOLE, BUSY = 6, 6, 6
"""Hosts with pages made by scripts, with pages complete as served, and with articles with many useless scripts."""
ARTICLES = 8


def measure() -> list[Row]:
    """Crawl the same pages without a browser, with one where it seems useful, and always with one."""
    with contextlib.ExitStack() as stack:
        pages = dict(_pages(stack))
        return [_crawl(render, pages) for render in Render]


def _pages(stack: contextlib.ExitStack) -> Iterator[tuple[str, tuple[bool, set[str]]]]:
    """Yield each page with its pictures, and whether its scripts create them."""
    for number in range(SCRIPTED + WHOLE + BUSY):
        site = stack.enter_context(Site(host=f"127.0.1.{number + 1}"))
        if number < SCRIPTED:
            served = serve_scripted(site)
        elif number < SCRIPTED + WHOLE:
            served = serve_complete(site)
        else:
            served = _serve_busy(site)
        for path, pictures in served.items():
            yield site.url(path), (number < SCRIPTED, {site.url(picture) for picture in pictures})


def _serve_busy(site: Site) -> dict[str, list[str]]:
    """Serve articles with one picture and scripts without visible effect, which look as if rendering were useful."""
    scripts = "".join(f"<script>window.counted{place} = {place}</script>" for place in range(8))
    for number in range(ARTICLES):
        site.page(f"/{number}.html", SHELL.format(f'{LOREM}<img src="/{number}.jpg">', scripts))
        site.image(f"/{number}.jpg", number)
    return {f"/{number}.html": [f"/{number}.jpg"] for number in range(ARTICLES)}


def _crawl(render: Render, pages: dict[str, tuple[bool, set[str]]]) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = Job(
            bytes_dir=folder / "bytes",
            urls=tuple(Target(url=url) for url in pages),
            follow=False,
            limits=Limits(hosts=1_000, render_pages=10_000),
            politeness=Politeness(delay=0, concurrency_per_host=4, autothrottle=False),
            allowed_networks=("127.0.0.0/8",),
            render=render,
        )
        (folder / "job.json").write_text(job.to_json(), encoding="utf-8")
        command = [sys.executable, "-m", "crawler", str(folder / "job.json"), "--out", str(folder / "lines")]
        subprocess.run(command, check=True)
        lines = list(read_lines((folder / "lines").read_bytes().splitlines(keepends=True)))
    page_lines = [line for line in lines if isinstance(line, PageLine)]
    (end,) = (line for line in lines if isinstance(line, EndLine))
    expected = {picture for _, pictures in pages.values() for picture in pictures}
    crawled = {sighting.image_url for line in page_lines for sighting in line.sightings}
    rendered = [line.url for line in page_lines if line.render_seconds]
    return {
        "render": str(render),
        "pages": len(page_lines),
        "pictures there": len(expected),
        "seen": len(expected & crawled),
        "others": len(crawled - expected),
        "rendered": len(rendered),
        "of these in vain": sum(not pages[url][0] for url in rendered),
        "missed": sum(is_scripted for url, (is_scripted, _) in pages.items() if url not in rendered),
        "seconds": end.counts.seconds,
        "rendered a minute": 60 * len(rendered) / end.counts.seconds,
        "s a page in the browser": end.counts.render_seconds / max(1, len(rendered)),
    }
