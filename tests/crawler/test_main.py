import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.formats.lines import EndLine, PageLine, read_lines
from tests.assets.crawling import ROOT, ForkedCrawl, Value, build_job, large_site
from tests.assets.site import Answer, ReceivedRequest, Route, Site


@pytest.mark.long
def test_crawl_ends_when_its_output_is_closed(tmp_path: Path) -> None:
    with Site() as site:
        large_site(site, pages=50, images=2)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        (tmp_path / "job.json").write_bytes(build_job(tmp_path, politeness={"delay": 0.05}, **job))
        command = [sys.executable, "-m", "crawler", str(tmp_path / "job.json")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=30) == 3
        assert site.count_requests("/49") == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["https://example.org/"], "Add --bytes DIR."),
        (["nothing-here"], "nothing-here does not exist."),
        (["job.json"], "job.limits.pages must be a whole number"),
        (["https://example.org/", "--bytes", "job.json"], "cannot be written"),
        (["roots.json"], "No certificates can be read from job.json."),
    ],
)
def test_invalid_usage_is_reported_in_one_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "job.json").write_text('{"bytes_dir": "x", "urls": [{"url": "a"}], "limits": {"pages": "many"}}')
    (tmp_path / "roots.json").write_text('{"bytes_dir": "x", "urls": [{"url": "http://a/"}], "ca_bundle": "job.json"}')
    command = [sys.executable, "-m", "crawler", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=False, timeout=60)
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.returncode == (3 if "written" in message else 2)


@pytest.mark.long
def test_single_command_crawls_a_site(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", '<img src="/i.jpg">')
        site.image("/i.jpg")
        command = [sys.executable, "-m", "crawler", site.url(), "--bytes", str(tmp_path / "b"), "--delay", "0"]
        command += ["--allow-network", "127.0.0.0/8", "--contact", "bot@example.org"]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)
        assert site.requests[0].headers["user-agent"] == "ExhibitBot/0.1 (bot@example.org)"
    assert done.returncode == 0
    *_, end = read_lines(done.stdout.splitlines(keepends=True))
    assert isinstance(end, EndLine)
    assert end.counts.images == 1


def start_crawl(folder: Path, out: Path, **job: Value) -> ForkedCrawl:
    """Start a job that writes its lines to a file, which may contain lines of an earlier run."""
    path = folder / "job.json"
    path.write_bytes(build_job(folder, **job))
    return ForkedCrawl([os.devnull, os.devnull, str(folder / "errors")], [str(path), "--out", str(out)])


def _pages(out: Path) -> list[PageLine]:
    lines = read_lines(out.read_bytes().splitlines(keepends=True)) if out.exists() else ()
    return [line for line in lines if isinstance(line, PageLine)]


def _facts(pages: list[PageLine]) -> list[tuple[str, str, str]]:
    return sorted(
        (sighting.page_url, sighting.image_url, sighting.digest.hex) for page in pages for sighting in page.sightings
    )


@pytest.mark.parametrize("nth", [1, 9, 25])
def test_killed_crawl_resumes(tmp_path: Path, nth: int) -> None:
    out, running = tmp_path / "lines", tmp_path / "lines.running"
    first: list[ForkedCrawl] = []
    with Site() as site:
        large_site(site, pages=10, images=2)
        site.page("/0", '<img src="/gone.jpg"><img src="/i/3-0.jpg"><a href="/1">1</a><a href="/2">2</a>')

        def killing(route: Route) -> Route:
            def answer(request: ReceivedRequest) -> Answer:
                if len(site.requests) == nth:
                    first[0].kill()
                    first[0].wait()
                return route if isinstance(route, Answer) else route(request)

            return answer

        site.routes |= {path: killing(route) for path, route in site.routes.items()}
        site.fallback = killing(site.fallback)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99, "pages": 10, "images": 18}}
        polite = {"concurrency_per_host": 1}
        first.append(start_crawl(tmp_path, out, politeness=polite, **job))
        assert first[0].wait() == -signal.SIGKILL
        assert running.exists()
        before = _pages(out)
        with out.open("ab") as stream:
            stream.write(b'{"type":"page","url":"http://cut')
        again = start_crawl(tmp_path, out, politeness=polite, **job)
        assert again.wait() == 0
        pages, requested_paths = _pages(out), site.requested_paths()
        answered_urls = {page.url for page in before} | {item.image_url for page in before for item in page.sightings}
        answered_urls |= {item.url for page in before for item in page.refusals}
        assert {url: requested_paths.count(url.removeprefix(site.url(""))) for url in answered_urls} == dict.fromkeys(
            answered_urls, 1
        )
        assert not running.exists()
        fresh = start_crawl(tmp_path, tmp_path / "fresh", politeness=polite, **job)
        assert fresh.wait() == 0
    assert pages[: len(before)] == before
    assert sorted(page.url for page in pages) == [site.url(f"/{n}") for n in range(10)]
    assert _facts(pages) == _facts(_pages(tmp_path / "fresh"))
    assert {item.digest.hex for page in pages for item in page.sightings} == {
        path.name for path in (tmp_path / "bytes").iterdir()
    }
    ends = [list(read_lines(path.read_bytes().splitlines(keepends=True)))[-1] for path in (out, tmp_path / "fresh")]
    assert all(isinstance(end, EndLine) for end in ends)
    assert [(end.reason, end.counts.pages, end.counts.images) for end in ends if isinstance(end, EndLine)] == [
        ("finished", 10, 19)
    ] * 2


def test_crawl_starts_from_the_beginning_if_the_last_one_finished_or_differs(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        large_site(site, pages=2, images=1)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}]}
        for _ in range(2):
            assert start_crawl(tmp_path, out, **job).wait() == 0
            assert len(_pages(out)) == 2
        assert site.count_requests("/0") == 2
        out.write_bytes(out.read_bytes().splitlines(keepends=True)[0])
        (tmp_path / "lines.running").write_text("another job")
        assert start_crawl(tmp_path, out, **job).wait() == 0
        assert len(_pages(out)) == 2
        assert site.count_requests("/0") == 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("render", "how"),
    [
        ("never", "add --render auto to render those that are likely to add pictures, or --render always."),
        ("auto", "add --render always to render all of them."),
    ],
)
def test_standalone_crawl_reports_pages_that_need_rendering_and_the_option_for_it(
    tmp_path: Path, render: str, how: str
) -> None:
    with Site() as site:
        site.page(
            "/", "<script src=a.js></script>" + "<img src=i.jpg>" + "<p>Words and words. " * 99 + "<a href=2>2</a>"
        )
        site.page(
            "/2", "<script src=a.js></script>" + "<p>Others and others. " * 99 + '<a href="http://127.0.0.2/">3</a>'
        )
        site.image("/i.jpg")
        command = [sys.executable, "-m", "crawler", site.url(), "--bytes", str(tmp_path / "b"), "--delay", "0"]
        command += ["--allow-network", "127.0.0.0/8", "--render", render]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)
    message = f"crawler: 2 pages run scripts that may add pictures: {how}"
    assert done.stderr.decode().splitlines()[-1:] == [message]
    assert '"scripts_not_run":2' in done.stdout.decode().splitlines()[-1]
