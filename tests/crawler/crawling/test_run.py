"""Test how a crawl ends: budgets, signals, killed processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from crawler.formats.lines import EndLine, PageLine, read_lines
from exhibit.digests import Digest
from exhibit.errors import ExitCode
from tests.assets.crawling import FAST, LOOPBACK, ROOT, crawl, large_site, start
from tests.assets.hostile_documents import HOSTILE_DOCUMENTS
from tests.assets.site import Answer, Site
from workers.servers.product import CHECKOUT


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"pages": 3}, "budget-pages"),
        ({"images": 7}, "budget-images"),
        ({"bytes": 6_000}, "budget-bytes"),
        ({"depth": 0}, "finished"),
    ],
)
def test_crawl_stops_exactly_at_its_budget(tmp_path: Path, limits: dict[str, int], reason: str) -> None:
    with Site() as site:
        large_site(site, pages=6, images=4)
        done = crawl(tmp_path, sources=[{"kind": "site", "url": site.url("/0")}], limits={"depth": 9} | limits)
    counts = done.end.counts
    assert done.end.reason == reason
    assert done.code == 0
    assert counts.pages == len(done.pages)
    if "pages" in limits:
        assert (counts.pages, counts.images) == (3, 12)
    if "images" in limits:
        assert counts.images == len({sighting.digest for sighting in done.sightings}) == 7
        assert counts.refused["budget"] >= 1
    if "bytes" in limits:
        assert 0 < counts.bytes <= 6_000
        assert sum(path.stat().st_size for path in done.folder.iterdir()) <= 6_000
    if "depth" in limits:
        assert counts.pages == 1


def test_memory_limit_ends_crawl(tmp_path: Path) -> None:
    with Site() as site:
        site.routes["/"] = Answer(b"<p>", length=100_000, pieces=100, pause=0.1)
        done = crawl(tmp_path, urls=[{"url": site.url()}], follow=False, limits={"memory_mb": 1})
    assert (done.end.reason, done.code, done.pages) == ("memory", 4, [])


def test_crawl_that_needs_exactly_its_budget_completes(tmp_path: Path) -> None:
    with Site() as site:
        large_site(site, pages=2, images=1)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"pages": 2, "images": 2}}
        done = crawl(tmp_path, **job)
    assert done.end.reason == "finished"


def test_hosts_beyond_budget_are_refused(tmp_path: Path) -> None:
    with Site() as site, Site(host="127.0.0.2") as other:
        site.page("/", "<p>one")
        other.page("/", "<p>two")
        done = crawl(tmp_path, urls=[{"url": site.url()}, {"url": other.url()}], follow=False, limits={"hosts": 1})
    assert done.refusals == {other.url(): "budget"}


@pytest.mark.long
def test_pages_left_at_the_time_limit_are_deferred_to_the_next_crawl_slice(tmp_path: Path) -> None:
    slow = Answer(b"\xff\xd8\xff", "image/jpeg", length=100_000, pieces=600, pause=0.1)
    with Site() as site:
        site.page("/early", '<img src="/ok.jpg"><img src="/slow.jpg">')
        site.page("/late", "<p>late", pieces=0)
        site.image("/ok.jpg")
        site.routes["/slow.jpg"] = slow
        site.routes["/late"] = Answer(b"<p>", length=100_000, pieces=600, pause=0.1)
        start_time = time.monotonic()
        urls = [{"url": site.url("/early")}, {"url": site.url("/late")}]
        done = crawl(tmp_path, urls=urls, follow=False, limits={"seconds": 5, "request_seconds": 60})
        assert time.monotonic() - start_time < 40
    assert done.end.reason == "budget-seconds"
    assert 5 <= done.end.counts.seconds < 20
    assert [page.url for page in done.pages] == [site.url("/early")]
    assert done.refusals == {site.url("/slow.jpg"): "budget"}
    assert done.code == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 4), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long)]
)
def test_crawl_stopped_by_a_signal_writes_only_complete_pages(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        large_site(site, pages=60, images=3)
        site.image("/i/50-0.jpg")
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        process = start(tmp_path, out, politeness={"delay": 0.05}, **job)
        wait_for(lambda: _lines(out) >= 2)
        process.send_signal(number)
        assert process.wait(timeout=20) == code
    *pages, end = read_lines(out.read_bytes().splitlines(keepends=True))
    assert isinstance(end, EndLine)
    assert end.reason == "stopped"
    assert end.counts.pages == len(pages) < 60
    assert all(isinstance(page, PageLine) and len(page.sightings) == 3 for page in pages)


@pytest.mark.long
def test_slow_page_parsing_is_refused_and_signal_is_handled(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    hostile = HOSTILE_DOCUMENTS["attributes"]()[1]
    with Site() as site:
        site.routes["/"] = Answer(hostile)
        process = start(tmp_path, out, sources=[{"kind": "site", "url": site.url("/")}])
        wait_for(lambda: "/" in [request.path for request in site.requests])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 4
        site.page("/next", '<img src="/a.jpg">')
        site.image("/a.jpg")
        urls = [{"url": site.url("/")}, {"url": site.url("/next")}]
        done = crawl(tmp_path / "second", read_seconds=0.5, urls=urls, follow=False)
    assert done.refusals == {site.url("/"): "unreadable"}
    assert [page.url for page in done.pages] == [site.url("/next")]


@pytest.mark.long
def test_page_is_reported_as_error_when_the_process_that_parses_it_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        site.routes["/"] = Answer(HOSTILE_DOCUMENTS["attributes"]()[1])  # takes some time to read
        process = start(tmp_path, out, urls=[{"url": site.url("/")}], follow=False)
        wait_for(lambda: bool(reader_processes(process.pid)))
        reader_processes(process.pid)[0].kill()
        assert process.wait(timeout=30) == ExitCode.SERVICE_MISSING
    assert [line.reason for line in read_lines(out.read_bytes().splitlines(keepends=True))] == ["error"]  # type: ignore[union-attr]


def reader_processes(process: int) -> list[psutil.Process]:
    """Return the processes in which a crawler reads pages."""
    readers = []
    for child in psutil.Process(process).children():
        with suppress(psutil.NoSuchProcess):
            readers += [child] if "crawler.reading.helper" in child.cmdline() else []
    return readers


@pytest.mark.long
def test_killed_crawler_leaves_only_complete_page_lines_and_files(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        large_site(site, pages=80, images=5)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        process = start(tmp_path, out, **job)
        wait_for(lambda: _lines(out) >= 5)
        process.kill()
        process.wait()
    lines = list(read_lines(out.read_bytes().splitlines(keepends=True)))
    assert len(lines) >= 5
    file_names = {path.name for path in (tmp_path / "bytes").iterdir() if not path.name.endswith(".part")}
    for line in lines:
        assert isinstance(line, PageLine)
        assert len(line.sightings) == 5
        assert {sighting.digest.hex for sighting in line.sightings} <= file_names
    for name in file_names:
        assert Digest.from_file(tmp_path / "bytes" / name).hex == name


def test_crawler_process_ends_when_its_parent_process_is_killed(tmp_path: Path) -> None:
    with Site() as site:
        site.routes["/"] = Answer(b"<p>", length=100_000, pieces=1_000, pause=0.1)
        job = {"bytes_dir": str(tmp_path / "b"), "urls": [{"url": site.url()}], "follow": False}
        job |= {"allowed_networks": LOOPBACK, "politeness": FAST}
        (tmp_path / "job.json").write_text(json.dumps(job))
        program = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); sys.stdin.read()"
        command = [sys.executable, "-c", program, sys.executable, "-m", "crawler", str(tmp_path / "job.json")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            wait_for(lambda: site.count_requests("/") == 1)
            parent.kill()
        wait_for(lambda: not is_running(child), seconds=10)  # its request alone would take 30 s


def test_crawler_process_sends_no_requests_when_its_output_is_closed_at_start(tmp_path: Path) -> None:
    with Site() as site:
        site.routes["/"] = Answer(b"<p>")
        job = {"bytes_dir": str(tmp_path / "b"), "urls": [{"url": site.url()}], "follow": False}
        (tmp_path / "job.json").write_text(json.dumps(job | {"allowed_networks": LOOPBACK, "politeness": FAST}))
        command = [sys.executable, "-m", "crawler", str(tmp_path / "job.json")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
            assert child.stdout is not None
            child.stdout.close()
            assert child.wait(60) == ExitCode.SERVICE_MISSING
        assert site.count_requests("/") == 0
    assert not (tmp_path / "b").exists()


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        os.sched_yield()


@pytest.mark.long
def test_memory_of_the_crawler_process_is_limited() -> None:
    take = "from crawler.crawling.run import _limit_memory; _limit_memory(64); bytearray(2 << 30)"
    done = subprocess.run([sys.executable, "-c", take], capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert "MemoryError" in done.stderr
