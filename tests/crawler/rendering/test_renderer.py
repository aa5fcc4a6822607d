"""Test rendering within a crawl: never, where useful, or always; budgets, blocks, and missing or dying browsers."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from crawler.formats.job import RenderingCounts
from crawler.formats.lines import PageLine
from tests.assets.crawling import CrawlResult, Value, crawl
from tests.assets.scripted_pages import LOREM, SCRIPT, SHELL, page, serve_complete, serve_scripted
from tests.assets.site import Answer, ReceivedRequest, Site

CHECK = '<div class="cf-turnstile" style="width:300px;height:65px"></div><p>Are you human?</p>'
LOGIN = "<form><input name=user><input type=password></form>"


def crawl_rendered(site: Site, folder: Path, *paths: str, **job: Value) -> CrawlResult:
    return crawl(folder, urls=[{"url": site.url(path)} for path in paths], follow=False, **job)


def pictures(crawled: CrawlResult, site: Site) -> set[str]:
    return {sighting.image_url.removeprefix(site.url("")) for sighting in crawled.sightings}


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_auto_mode_renders_only_script_generated_pages(tmp_path: Path) -> None:
    with Site() as site:
        whole, paths = serve_complete(site), []
        with Site(host="127.0.0.2") as shop:
            scripted = serve_scripted(shop)
            urls = [{"url": site.url(path)} for path in whole] + [{"url": shop.url(path)} for path in scripted]
            auto = crawl(tmp_path / "auto", urls=urls, follow=False, render="auto")
            never = crawl(tmp_path / "never", urls=urls, follow=False)
            vain = {"127.0.0.2": {"pages": 3, "gained": 0}}
            known_crawl = crawl(tmp_path / "known", urls=urls, follow=False, render="auto", rendered=vain)
        paths = [line.url for line in auto.pages if line.render_seconds]
        assert sorted(paths) == sorted(shop.url(path) for path in scripted)
        expected = {shop.url(item) for all_of in scripted.values() for item in all_of}
        image_urls = {item.image_url for item in auto.sightings}
        assert expected <= image_urls
        assert image_urls - {item.image_url for item in never.sightings} == expected
        assert (auto.end.counts.rendered, auto.end.counts.gained) == (len(scripted), len(expected))
        assert auto.end.counts.rendered_of == {"127.0.0.2": RenderingCounts(pages=len(scripted), gained=len(scripted))}
        assert known_crawl.end.counts.rendered == 0, "where it brought nothing, it isn't tried again"
        assert (never.end.counts.rendered, never.end.counts.unrendered) == (0, {})


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_rendering_stops_for_a_host_when_it_adds_only_style_sheet_pictures(tmp_path: Path) -> None:
    with Site() as site:
        paths = [f"/{number}.html" for number in range(4)]
        for path in paths:
            site.page(path, '<link rel="stylesheet" href="/style.css"><p>Hi<script>new Image</script>')
        site.routes["/style.css"] = Answer(b"p { background: url(/waves.jpg) }", media_type="text/css")
        site.image("/waves.jpg", 1)
        crawled = crawl_rendered(site, tmp_path, *paths, render="auto")
        assert pictures(crawled, site) == {"/waves.jpg"}
        assert (crawled.end.counts.rendered, crawled.end.counts.gained) == (1, 0)


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_page_that_shows_only_a_logo_is_rendered(tmp_path: Path) -> None:
    fill = "for (const n of [1, 2]) { const one = new Image(); one.src = `/fill/${n}`; document.body.append(one) }"
    with Site() as site:
        page(site, "/shop.html", '<img src="/logo.png" alt="Us"><h1>Prints</h1>', fill)
        page(site, "/article.html", LOREM + '<img src="/1.jpg"><img src="/2.jpg">', "1")
        for place, path in enumerate(("/logo.png", "/fill/1", "/fill/2", "/1.jpg", "/2.jpg")):
            site.image(path, place)
        crawled = crawl_rendered(site, tmp_path, "/shop.html", render="auto")
        never = crawl_rendered(site, tmp_path / "never", "/shop.html", "/article.html")
    assert pictures(crawled, site) == {"/logo.png", "/fill/1", "/fill/2"}
    assert (crawled.end.counts.rendered, crawled.end.counts.scripts_not_run) == (1, 0)
    assert pictures(never, site) == {"/logo.png", "/1.jpg", "/2.jpg"}


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_pages_whose_scripts_mention_no_images_do_not_use_up_the_rendering_trial(
    tmp_path: Path,
) -> None:
    """Test that the first pages, which show nothing and mention no images, do not use up a later page's only trial."""
    fill = "setTimeout(() => { const one = document.createElement('img'); one.src = ['', 'fill', 1].join('/');\n"
    with Site() as site:
        for number in range(3):
            site.page(f"/{number}.html", "<p>Hi<script src=/count.js></script><script src=/gone.js></script>")
        site.page("/z.html", "<p>Hi<script src=/count.js></script><script src=/fill.js></script>")
        site.routes["/count.js"] = Answer(b"window.counted = document.title", media_type=SCRIPT)
        site.routes["/fill.js"] = Answer((fill + "document.body.append(one) }, 200)").encode(), media_type=SCRIPT)
        site.image("/fill/1")
        paths = [f"/{number}.html" for number in range(3)] + ["/z.html"]
        crawled = crawl_rendered(site, tmp_path, *paths, render="auto", politeness={"concurrency_per_host": 1})
        assert [site.count_requests(path) for path in ("/count.js", "/gone.js", "/fill.js")] == [1, 1, 1]
    assert pictures(crawled, site) == {"/fill/1"}
    assert [line.url for line in crawled.pages if line.render_seconds] == [site.url("/z.html")]
    assert crawled.end.counts.scripts_not_run == 3


@pytest.mark.long
def test_unrendered_script_pages_are_counted_and_marked(tmp_path: Path) -> None:
    with Site() as site:
        page(site, "/script.html", LOREM + '<img src="/1.jpg">' * 9, "1")
        site.page("/inline.html", "<p>Hi<script>1</script>")
        site.page("/asks.html", "<noscript>Please enable JavaScript.</noscript>")
        site.page("/data.html", "<script type=application/ld+json>{}</script>")
        site.page("/plain.html", "<p>Hi")
        site.image("/1.jpg")
        paths = ("/script.html", "/inline.html", "/asks.html", "/data.html", "/plain.html")
        crawled = crawl_rendered(site, tmp_path, *paths, render="auto", browser="none")
    marked = {line.url.removeprefix(site.url("")) for line in crawled.pages if line.scripts_not_run}
    assert marked == {"/script.html", "/inline.html", "/asks.html"}
    assert crawled.end.counts.scripts_not_run == 3


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_pages_after_the_rendering_budget_is_spent_are_parsed_without_rendering(tmp_path: Path) -> None:
    with Site() as site:
        scripted = serve_scripted(site)
        crawled = crawl_rendered(site, tmp_path, *scripted, render="always", limits={"render_pages": 2})
        counts = crawled.end.counts
        assert (counts.rendered, counts.unrendered) == (2, {"budget": len(scripted) - 2})
        assert crawled.end.reason == "finished"
        assert len(crawled.pages) == len(scripted)
        none = crawl_rendered(site, tmp_path / "none", *scripted, render="always", limits={"render_seconds": 0})
        assert none.end.counts.unrendered == {"budget": len(scripted)}


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_paywall_and_login_page_are_reported_and_page_with_login_link_is_not(tmp_path: Path) -> None:
    with Site() as site:
        page(site, "/wall.html", "", f"document.body.innerHTML = `{CHECK}`")
        page(site, "/login.html", "", f"document.body.innerHTML = `{LOGIN}`")
        images = "".join(f'<img src="/whole/{number}.jpg">' for number in range(4))
        page(site, "/shop.html", LOREM + images + LOGIN, "1")
        for number in range(4):
            site.image(f"/whole/{number}.jpg", number)
        crawled = crawl_rendered(site, tmp_path, "/wall.html", "/login.html", "/shop.html", render="always")
        assert crawled.refusals == {site.url("/wall.html"): "wall", site.url("/login.html"): "login"}


@pytest.mark.long
def test_bot_challenge_sent_by_the_server_is_reported_as_a_wall(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", CHECK, status=403, headers=(("cf-mitigated", "challenge"),))
        assert crawl_rendered(site, tmp_path, "/").refusals == {site.url("/"): "wall"}


@pytest.mark.long
def test_missing_browser_is_reported_once_and_pages_are_parsed_without_rendering(tmp_path: Path) -> None:
    with Site() as site:
        scripted = serve_scripted(site)
        crawled = crawl_rendered(site, tmp_path, *scripted, render="always", browser="none")
        assert (crawled.code, crawled.end.reason, len(crawled.pages)) == (0, "finished", len(scripted))
        assert crawled.end.counts.unrendered == {"no-browser": len(scripted)}
        assert crawled.errors.count("no page is rendered") == 1


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_browser_start_failure_is_reported_and_loses_no_page(tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with Site() as site:
        scripted = serve_scripted(site)
        crawled = crawl_rendered(site, tmp_path, *scripted, render="always", browser=str(program))
        assert crawled.end.counts.unrendered == {"no-browser": len(scripted)}
        assert str(program) in crawled.errors
        assert len(crawled.pages) == len(scripted)


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_killed_browser_is_replaced_and_page_is_rendered_again(tmp_path: Path) -> None:
    killed: list[int] = []
    before = browser_processes()

    def kill(_: ReceivedRequest) -> Answer:
        if not killed:
            killed.extend(browser_processes() - before)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return Answer(b"1", media_type=SCRIPT)

    with Site() as site:
        scripted = serve_scripted(site)
        site.page("/kill.html", SHELL.format("", "<script src=/kill.js></script><script src=/gallery.js></script>"))
        site.routes["/kill.js"] = kill
        crawled = crawl_rendered(site, tmp_path, "/kill.html", "/shadow.html", render="always")
        assert len(killed) == 1
        assert crawled.end.counts.unrendered == {}
        assert crawled.end.counts.rendered == 2
        assert {*scripted["/gallery.html"], *scripted["/shadow.html"]} == pictures(crawled, site)


def browser_processes() -> set[int]:
    """Return the browsers below this process, including other tests', without their child processes."""
    process_ids = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = " ".join(process.cmdline())
            if "nowhere.invalid" in words and "--type=" not in words:
                process_ids.add(process.pid)
    return process_ids


@pytest.mark.long
@pytest.mark.usefixtures("browser")
def test_job_ending_during_rendering_leaves_no_browser(tmp_path: Path) -> None:
    before = browser_processes()
    with Site() as site:
        page(site, "/slow.html", '<img src="/there.jpg">', "fetch('/never')")
        site.image("/there.jpg")
        site.routes["/never"] = Answer(b"", length=1_000, pieces=40, pause=0.25)
        source = {"kind": "site", "url": site.url("/slow.html")}
        limits = {"seconds": 6, "render_page_seconds": 30}
        crawled = crawl(tmp_path, sources=[source], render="always", limits=limits)
        assert crawled.end.reason == "budget-seconds"
        (line,) = crawled.pages
        assert isinstance(line, PageLine)
        assert [sighting.image_url for sighting in line.sightings] == [site.url("/there.jpg")]
    assert browser_processes() <= before
