"""How a crawl ends: budgets, signals, sudden death, wrong use; and the sources that are files."""

import gzip
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

from crawler.crawling.files import read_files
from crawler.formats.job import Job, Limits
from crawler.formats.lines import EndLine, Line, PageLine, read_lines
from crawler.state.budget import Budget
from crawler.state.crawl import Crawl
from exhibit.digests import Digest
from exhibit.errors import ExitCode
from tests.assets.crawling import FAST, LOOPBACK, ROOT, crawl, start, whole_job
from tests.assets.hostile_documents import HOSTILE_DOCUMENTS
from tests.assets.site import Answer, Site, picture


def large_site(site: Site, pages: int, images: int) -> None:
    """Pages in a row, each with images of its own and a link to the next two."""
    for page in range(pages):
        names = [f"/i/{page}-{n}.jpg" for n in range(images)]
        links = "".join(f'<a href="/{page + step}">next</a>' for step in (1, 2) if page + step < pages)
        site.page(f"/{page}", links + "".join(f'<img src="{name}">' for name in names))
        for n, name in enumerate(names):
            site.image(name, page * images + n)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"pages": 3}, "budget-pages"),
        ({"images": 7}, "budget-images"),
        ({"bytes": 6_000}, "budget-bytes"),
        ({"depth": 0}, "finished"),
    ],
)
def test_a_budget_ends_a_crawl_exactly(tmp_path: Path, limits: dict[str, int], reason: str) -> None:
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
        assert counts.images == len({one.digest for one in done.sightings}) == 7
        assert counts.refused["budget"] >= 1
    if "bytes" in limits:
        assert 0 < counts.bytes <= 6_000
        assert sum(path.stat().st_size for path in done.folder.iterdir()) <= 6_000
    if "depth" in limits:
        assert counts.pages == 1


def test_too_much_memory_ends_a_crawl(tmp_path: Path) -> None:
    with Site() as site:
        site.routes["/"] = Answer(b"<p>", length=100_000, pieces=100, pause=0.1)
        done = crawl(tmp_path, urls=[{"url": site.url()}], follow=False, limits={"memory_mb": 1})
    assert (done.end.reason, done.code, done.pages) == ("memory", 4, [])


def test_a_crawl_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    with Site() as site:
        large_site(site, pages=50, images=2)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        (tmp_path / "job.json").write_bytes(whole_job(tmp_path, politeness={"delay": 0.05}, **job))
        command = [sys.executable, "-m", "crawler", str(tmp_path / "job.json")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=30) == 3
        assert site.times("/49") == 0


def test_a_budget_that_is_just_enough_is_no_reason_to_end(tmp_path: Path) -> None:
    with Site() as site:
        large_site(site, pages=2, images=1)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"pages": 2, "images": 2}}
        done = crawl(tmp_path, **job)
    assert done.end.reason == "finished"


def test_hosts_beyond_the_budget_are_refused(tmp_path: Path) -> None:
    with Site() as site, Site(host="127.0.0.2") as other:
        site.page("/", "<p>one")
        other.page("/", "<p>two")
        done = crawl(tmp_path, urls=[{"url": site.url()}, {"url": other.url()}], follow=False, limits={"hosts": 1})
    assert done.refusals == {other.url(): "budget"}


def test_time_that_is_up_leaves_late_pages_to_the_next_slice(tmp_path: Path) -> None:
    slow = Answer(b"\xff\xd8\xff", "image/jpeg", length=100_000, pieces=600, pause=0.1)
    with Site() as site:
        site.page("/early", '<img src="/ok.jpg"><img src="/slow.jpg">')
        site.page("/late", "<p>late", pieces=0)
        site.image("/ok.jpg")
        site.routes["/slow.jpg"] = slow
        site.routes["/late"] = Answer(b"<p>", length=100_000, pieces=600, pause=0.1)
        begun = time.monotonic()
        urls = [{"url": site.url("/early")}, {"url": site.url("/late")}]
        done = crawl(tmp_path, urls=urls, follow=False, limits={"seconds": 8, "request_seconds": 60})
        assert time.monotonic() - begun < 40
    assert done.end.reason == "budget-seconds"
    assert 8 <= done.end.counts.seconds < 20
    assert [page.url for page in done.pages] == [site.url("/early")]
    assert done.refusals == {site.url("/slow.jpg"): "budget"}
    assert done.code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 4), (signal.SIGINT, 130)])
def test_a_signal_ends_a_crawl_with_what_is_complete(tmp_path: Path, number: signal.Signals, code: int) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        large_site(site, pages=60, images=3)
        site.image("/i/50-0.jpg")
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        process = start(tmp_path, out, politeness={"delay": 0.05}, **job)
        _wait(lambda: _lines(out) >= 2)
        process.send_signal(number)
        assert process.wait(timeout=20) == code
    *pages, end = read_lines(out.read_bytes().splitlines(keepends=True))
    assert isinstance(end, EndLine)
    assert end.reason == "stopped"
    assert end.counts.pages == len(pages) < 60
    assert all(isinstance(page, PageLine) and len(page.sightings) == 3 for page in pages)


def test_a_page_that_takes_too_long_to_read_is_refused_and_a_signal_is_heard_meanwhile(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    hostile = HOSTILE_DOCUMENTS["attributes"]()[1]
    with Site() as site:
        site.routes["/"] = Answer(hostile)
        process = start(tmp_path, out, sources=[{"kind": "site", "url": site.url("/")}])
        _wait(lambda: "/" in [one.path for one in site.seen])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 4
        site.page("/next", '<img src="/a.jpg">')
        site.image("/a.jpg")
        done = crawl(tmp_path / "second", urls=[{"url": site.url("/")}, {"url": site.url("/next")}], follow=False)
    assert done.refusals == {site.url("/"): "unreadable"}
    assert [page.url for page in done.pages] == [site.url("/next")]


def test_a_page_whose_reader_the_machine_kills_is_left_to_a_later_slice(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        site.routes["/"] = Answer(HOSTILE_DOCUMENTS["attributes"]()[1])  # which takes some time to read
        process = start(tmp_path, out, urls=[{"url": site.url("/")}], follow=False)
        _wait(lambda: bool(_readers(process.pid)))
        _readers(process.pid)[0].kill()
        assert process.wait(timeout=30) == ExitCode.SERVICE_MISSING
    assert [line.reason for line in read_lines(out.read_bytes().splitlines(keepends=True))] == ["error"]  # type: ignore[union-attr]


def _readers(process: int) -> list[psutil.Process]:
    """The processes in which a crawler reads pages."""
    found = []
    for one in psutil.Process(process).children():
        with suppress(psutil.NoSuchProcess):
            found += [one] if "crawler.reading.helper" in one.cmdline() else []
    return found


def test_sudden_death_leaves_whole_pages_and_whole_files(tmp_path: Path) -> None:
    out = tmp_path / "lines"
    with Site() as site:
        large_site(site, pages=80, images=5)
        job = {"sources": [{"kind": "site", "url": site.url("/0")}], "limits": {"depth": 99}}
        process = start(tmp_path, out, **job)
        _wait(lambda: _lines(out) >= 5)
        process.kill()
        process.wait()
    lines = list(read_lines(out.read_bytes().splitlines(keepends=True)))
    assert len(lines) >= 5
    kept = {path.name for path in (tmp_path / "bytes").iterdir() if not path.name.endswith(".part")}
    for line in lines:
        assert isinstance(line, PageLine)
        assert len(line.sightings) == 5
        assert {one.digest.hex for one in line.sightings} <= kept
    for name in kept:
        assert Digest.of_file(tmp_path / "bytes" / name).hex == name


def test_a_slice_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
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
            _wait(lambda: site.times("/") == 1)
            parent.kill()
        _wait(lambda: not _runs(child), seconds=10)  # its request alone would hold it for 30 s


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        os.sched_yield()


def test_a_folder_is_read_without_any_network(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    (photos / "deep" / "my photo.jpg").write_bytes(picture(1))
    (photos / "notes.txt").write_text("no picture")
    (photos / "link.jpg").symlink_to(photos / "deep" / "my photo.jpg")
    done = crawl(tmp_path, sources=[{"kind": "folder", "path": str(photos)}], allowed_networks=[])
    (sighting,) = done.sightings
    assert sighting.page_url == (photos / "deep" / "my photo.jpg").as_uri()
    assert (sighting.found_in, sighting.context) == ("file", "my photo")
    assert done.bytes_of(sighting) == picture(1)
    assert done.refusals == {
        (photos / "notes.txt").as_uri(): "not-an-image",
        (photos / "link.jpg").as_uri(): "link",
    }


def in_short_jobs(tmp_path: Path, source: dict[str, str]) -> list[list[str]]:
    """The addresses that jobs without any time bring, one after the other, each going on where the last one came to."""
    read: list[list[str]] = []
    after = ""
    while True:
        sources = [{**source, "after": after}]
        made = Job.from_json(json.dumps({"bytes_dir": str(tmp_path / "bytes"), "sources": sources}))
        lines: list[Line] = []
        crawl_of = Crawl.of(made, lines.append)
        crawl_of.budget = Budget(Limits(seconds=0.1))
        crawl_of.budget._begun -= 0.1  # all of its time
        read_files(crawl_of)
        read.append([one.url for one in lines if not isinstance(one, EndLine)])
        end = lines[-1]
        assert isinstance(end, EndLine)
        if end.reason == "finished":
            return read
        after = end.position


def test_a_folder_is_read_in_as_many_jobs_as_it_takes(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "b").mkdir(parents=True)
    paths = [photos / name for name in ("b/1.jpg", "b/2.txt", "a.jpg", "c.jpg")]
    for number, path in enumerate(paths):
        path.write_bytes(picture(number))
    read = in_short_jobs(tmp_path, {"kind": "folder", "path": str(photos)})
    assert read == [[one.as_uri()] for one in sorted(paths)] + [[]]


@pytest.mark.parametrize("packed", [True, False])
def test_archives_are_read_in_as_many_jobs_as_it_takes(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001
    suffix = ".warc.gz" if packed else ".warc"
    for name in "ab":
        records = [
            warc_record(f"http://example.org/{name}1.jpg", "200 OK", "image/jpeg", picture(1)),
            warc_record("http://example.org/", "200 OK", "text/html", b"<p>page"),
            warc_record(f"http://example.org/{name}2.jpg", "200 OK", "image/jpeg", picture(2)),
            *([b"\x1f\x8bcut off"] if packed else []),
        ]
        (tmp_path / f"{name}{suffix}").write_bytes(
            b"".join(one if packed or not one.startswith(b"\x1f") else gzip.decompress(one) for one in records)
        )
    read = in_short_jobs(tmp_path, {"kind": "warc", "path": str(tmp_path)})
    expected = []
    for name in "ab":
        expected += [[f"http://example.org/{name}1.jpg"], [], [f"http://example.org/{name}2.jpg"]]
        expected += [[(tmp_path / f"{name}{suffix}").as_uri()]] if packed else []
    assert read == [*expected, []]


def warc_record(url: str, status: str, media_type: str, body: bytes) -> bytes:
    """A response record (ISO 28500), gzipped by itself."""
    http = f'HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nETag: "1"\r\n\r\n'.encode() + body
    head = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2020-01-02T03:04:05Z\r\nWARC-IP-Address: 192.0.2.7\r\n"
    head += f"WARC-Target-URI: {url}\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    return gzip.compress(head.encode() + http + b"\r\n\r\n")


def test_images_of_a_warc_file_keep_their_address_headers_and_time(tmp_path: Path) -> None:
    records = [
        warc_record("http://example.org/a.jpg", "200 OK", "image/jpeg", picture(1)),
        warc_record("http://example.org/", "200 OK", "text/html", b"<p>page"),
        warc_record("http://example.org/b.jpg", "200 OK", "image/jpeg", b"<p>error"),
        warc_record("http://example.org/c.jpg", "404 Not Found", "image/jpeg", picture(2)),
        b"\x1f\x8bcut off",
    ]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(records))
    done = crawl(tmp_path, sources=[{"kind": "warc", "path": str(tmp_path / "a.warc.gz")}])
    (sighting,) = done.sightings
    assert (sighting.image_url, sighting.status, sighting.peer) == ("http://example.org/a.jpg", 200, "192.0.2.7")
    assert dict(sighting.response_headers)["ETag"] == '"1"'
    assert sighting.fetched_at.isoformat() == "2020-01-02T03:04:05+00:00"
    assert done.bytes_of(sighting) == picture(1)
    archive = (tmp_path / "a.warc.gz").as_uri()
    assert done.refusals == {"http://example.org/b.jpg": "not-an-image", archive: "unreadable"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["https://example.org/"], "--bytes is missing"),
        (["nothing-here"], "There is no nothing-here."),
        (["job.json"], "job.limits.pages must be a whole number"),
        (["https://example.org/", "--bytes", "job.json"], "can't be written"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "job.json").write_text('{"bytes_dir": "x", "urls": [{"url": "a"}], "limits": {"pages": "many"}}')
    command = [sys.executable, "-m", "crawler", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=False, timeout=60)
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.returncode == (3 if "written" in message else 2)


def test_one_line_crawls_a_site(tmp_path: Path) -> None:
    with Site() as site:
        site.page("/", '<img src="/i.jpg">')
        site.image("/i.jpg")
        command = [sys.executable, "-m", "crawler", site.url(), "--bytes", str(tmp_path / "b"), "--delay", "0"]
        command += ["--allow-network", "127.0.0.0/8", "--contact", "bot@example.org"]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=60)
        assert site.seen[0].headers["user-agent"] == "ExhibitBot/0.1 (bot@example.org)"
    assert done.returncode == 0
    *_, end = read_lines(done.stdout.splitlines(keepends=True))
    assert isinstance(end, EndLine)
    assert end.counts.images == 1
