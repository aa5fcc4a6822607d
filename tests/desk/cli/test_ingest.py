"""Test `exhibit ingest`: lists of URLs are counted, stored, continued, reported and crawled."""

import csv
import gzip
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import obstore
import pyarrow as pa
import pytest
from pyarrow import parquet

from crawler.lists.line import REASONS
from exhibit.files.bucket import open_store
from exhibit.network.guard import Guard
from registry.crawls import ingest
from registry.models import FrontierUrl, Sighting, Watch
from tests.assets.command_line import Terminal
from tests.assets.rows import copy_of, photograph
from tests.assets.shop import Shop
from tests.assets.swift_server import S3

OUT = "http://10.0.0.1/inside.jpg"


def listed(folder: Path, *rows: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(("url,caption,width", *rows)) + "\n", "utf-8")
    return path


def test_what_of_a_folder_is_not_read_is_counted_with_its_reason(cli: Terminal, studio: str, folder: Path) -> None:
    listed(folder, f"{OUT},a wave,640")
    for name in ("notes.txt", "photo.heic", ".hidden.csv"):
        (folder / name).touch()
    (folder / "link.csv").symlink_to(folder / "list.csv")
    left_out = cli.ask("ingest", folder, "--watch", "lists")["left_out"]
    assert {reason: group["files"] for reason, group in left_out.items()} == {"format": 2, "hidden": 1, "link": 1}
    assert all(group["sentence"] and group["examples"] for group in left_out.values())
    said = cli.run("ingest", folder, "--watch", "lists").err
    assert all(name in said for name in ("notes.txt", "photo.heic", ".hidden.csv", "link.csv"))


@pytest.mark.long
def test_what_a_list_names_is_visited_and_matched(cli: Terminal, studio: str, shop: Shop, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder / "one.jpg")
    rows = [f"{shop.url('/copy.jpg')},a wave,640", f"{shop.url('/gone.jpg')},a wave,640", f"{OUT},a wave,640"]
    path = listed(folder, *rows, "a.example/1.jpg,a wave,640", f"{shop.url('/other.jpg')},a wave,99")
    shop.image("/copy.jpg", copy_of(photograph(1)))
    pages = listed(folder, f"{shop.url()},,", name="pages.csv")
    words = ("ingest", path, "--watch", "lists", "--min-width", "100")
    (read,) = cli.ask(*words)["files"]
    assert (read["lines"], read["kept"]) == (5, 2)
    told = cli.run(*words)
    assert all(address in told.out for address in ("a.example/1.jpg", OUT))
    assert "exhibit watch run lists --wait" in told.err
    cli.run("ingest", pages, "--watch", "lists", "--kind", "page")
    Watch.objects.update(politeness={"delay": 0})
    assert FrontierUrl.objects.count() == 3
    ran = cli.ask("watch", "run", "lists", "--wait")
    assert (ran["state"], ran["reason"], ran["pages"], ran["cases"]) == ("done", "finished", 1, 1)
    assert ran["refused"] == {"http-404": 1}
    found = set(Sighting.objects.values_list("image_url", "found_in"))
    assert (shop.url("/copy.jpg"), "list") in found
    assert (shop.url("/copy.jpg"), "img") in found  # on the page
    cli.run("watch", "run", "lists", code=2)  # nothing is left to visit


def test_folders_of_many_formats_are_told_as_json(cli: Terminal, studio: str, folder: Path) -> None:
    inner = folder / "part"
    inner.mkdir()
    parquet.write_table(pa.table({"url": ["http://a.example/1.jpg", "http://b.example/2.jpg"]}), inner / "a.parquet")
    (inner / "b.cdx.gz").write_bytes(
        gzip.compress(b'a 1 {"url": "http://a.example/1.jpg", "mime": "image/jpeg"}\n'
                      b'a 1 {"url": "http://a.example/", "mime": "text/html"}\n')
    )  # fmt: skip
    (inner / "c.csv").write_bytes(b"address\nhttp://a.example/3.jpg\n")
    (inner / "d.csv.gz").write_bytes(gzip.compress(b"url\nhttp://a.example/4.jpg\n" * 9)[:-9])
    told = cli.ask("ingest", folder, "--watch", "lists", "--host", "a.example", "--only", "image", code=4)
    first, index, column, cut = told["files"]
    assert (first["lines"], first["kept"], first["whole"], first["changed"], first["problem"]) == (
        2,
        1,
        True,
        False,
        "",
    )
    assert first["skipped"] == {
        "host": {"lines": 1, "sentence": REASONS["host"], "examples": ["http://b.example/2.jpg"]}
    }
    assert {reason: one["lines"] for reason, one in index["skipped"].items()} == {"known": 1, "only": 1}
    assert "--column" in column["problem"]
    assert "ends early" in cut["problem"]
    cli.ask("ingest", inner / "c.csv", "--watch", "lists", "--column", "address")
    assert sorted(FrontierUrl.objects.values_list("url", flat=True)) == [
        *(f"http://a.example/{n}.jpg" for n in (1, 3)),
        *(["http://a.example/4.jpg"] if cut["kept"] else []),
    ]
    assert cli.api("GET", "watches")["items"][0]["next_run_at"] is None


def test_what_is_left_out_is_written_and_counting_keeps_nothing(cli: Terminal, studio: str, folder: Path) -> None:
    path = listed(
        folder, "http://a.example/1.jpg,x,", "http://a.example/1.jpg,x,", f"{OUT},x,", "http://b.example/1.png,,"
    )
    out = folder / "out.csv"
    words = ("--exclude-host", "b.example", "--skipped", out)
    told = cli.ask("ingest", path, "--watch", "lists", *words, "--dry-run")
    assert [(one["lines"], one["kept"]) for one in told["files"]] == [(4, 1)]
    assert told["asked"]["largest"] == [{"host": "a.example", "addresses": 1, "seconds": 1.0}]
    assert not Watch.objects.exists()
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[:3] for row in rows] == [
        ["file", "reason", "address"],
        ["list.csv", "known", "http://a.example/1.jpg"],
        ["list.csv", "private-address", OUT],
        ["list.csv", "without-host", "http://b.example/1.png"],
    ]
    cli.run("ingest", path, "--watch", "x", "--skipped", folder / "no" / "x", code=2)


def test_the_same_hosts_in_another_order_are_the_same_reading(cli: Terminal, studio: str, folder: Path) -> None:
    path = listed(folder, "http://a.example/1.jpg,x,", "http://b.example/1.jpg,x,")
    hosts = [("--host", f"{name}.example") for name in "abcdefgh"]
    cli.run("ingest", path, "--watch", "lists", *(word for host in hosts for word in host))
    cli.run("ingest", path, "--watch", "lists", *(word for host in reversed(hosts) for word in host))
    assert FrontierUrl.objects.count() == 2


def test_what_cannot_be_ingested_is_said(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    assert folder.name in cli.run("ingest", folder, "--watch", "x", code=2).err
    path = listed(folder, "http://a.example/1.jpg,,")
    assert "http://a.example" in cli.run("ingest", path, "--watch", "x", "--host", "http://a.example", code=2).err
    cli.run("watch", "add", "shop", "--site", "http://127.0.0.1/")
    assert "shop" in cli.run("ingest", path, "--watch", "shop", code=2).err
    assert not FrontierUrl.objects.exists()


@pytest.mark.long
def test_web_archives_are_read_once_by_a_watch_of_their_own(cli: Terminal, studio: str, folder: Path) -> None:
    listed(folder, "http://a.example/1.jpg,,")
    picture = photograph(1)
    head = (
        "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a.example/old.jpg\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    )
    style = head.replace("old.jpg", "old.css").replace("image/jpeg", "text/css").replace(f"{len(picture)}\r", "4\r")
    (folder / "old.warc").write_bytes(head.encode() + picture + b"\r\n\r\n" + style.encode() + b"p {}\r\n\r\n")
    told = cli.ask("ingest", folder, "--watch", "lists", "--dry-run")
    asked = {"addresses": 1, "hosts": 1, "seconds": 1.0, "others": {"hosts": 0, "addresses": 0}}
    assert told["asked"] == {**asked, "largest": [{"host": "a.example", "addresses": 1, "seconds": 1.0}]}
    found = {"file": str(folder), "pictures": 1, "refused": {}, "problems": [], "whole": True}
    assert told["in_files"] == [found]
    alone = cli.run("watch", "add", "old", "--warc", folder / "old.warc", "--dry-run")
    assert "old.warc" in alone.out
    assert not Watch.objects.exists()
    said = [cli.ask("ingest", folder, "--watch", "lists")["archives"] for _ in range(2)]
    assert (all("lists archives" in one for one in said), said[0] == said[1]) == (True, False)
    ran = cli.ask("watch", "run", "lists archives", "--wait")
    assert (ran["number"], ran["pictures"], ran["passed"]) == (1, 1, {"not-an-image": 1})
    assert Watch.objects.get(name="lists archives").private
    assert not Watch.objects.get(name="lists").private


def test_a_run_over_an_archive_that_breaks_off_says_so(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "cut.warc").write_bytes(b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99\r\n\r\nHTTP")
    cli.run("watch", "add", "cut", "--warc", str(folder / "cut.warc"))
    ran = cli.run("watch", "run", "cut", "--wait", code=4)
    assert "cut.warc" in ran.err


@dataclass(frozen=True, slots=True)
class Interrupting(Guard):
    """A guard that simulates Ctrl-C when it checks a certain URL."""

    at: str = ""

    def check_url(self, url: str) -> None:
        if url == self.at:
            os.kill(os.getpid(), signal.SIGINT)
        Guard.check_url(self, url)


def test_interrupted_it_ends_with_what_was_done_and_the_same_command_goes_on(
    cli: Terminal, studio: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH", 10)
    urls = [f"http://a.example/{n}.jpg" for n in range(100)]
    path = listed(folder, *(f"{url},," for url in urls))
    cli.desk.services.__dict__["guard"] = Interrupting(at=urls[35])
    told = cli.ask("ingest", path, "--watch", "lists", code=130)
    kept = FrontierUrl.objects.count()
    assert kept in range(10, 100, 10)
    assert [(one["lines"], one["kept"]) for one in told["files"]] == [(kept, kept)]
    cli.desk.services.__dict__["guard"] = Guard()
    (file,) = cli.ask("ingest", path, "--watch", "lists")["files"]
    assert (file["lines"], file["kept"], file["whole"]) == (100, 100, True)
    assert set(FrontierUrl.objects.values_list("url", flat=True)) == set(urls)


@pytest.mark.long
def test_lists_in_a_bucket_are_copied_once_and_read(cli: Terminal, studio: str, s3: S3) -> None:
    data = cli.desk.services.config.data_dir
    url = s3.url_for(data)
    bucket = open_store(url, data / "secrets" / "bucket.toml")
    rows = "url,caption,width\nhttp://a.example/1.jpg,,\nhttp://a.example/2.jpg,,\n"
    for name in ("2026/a.csv", "2026/notes.txt"):
        obstore.put(bucket, name, rows.encode())
    told = cli.run("ingest", "--bucket", url, "--watch", "lists")
    assert ("a.csv: 68 bytes" in told.err, "notes.txt" in told.err) == (True, False)
    assert FrontierUrl.objects.count() == 2
    again = cli.run("ingest", "--bucket", url, "--watch", "lists")
    assert "a.csv: 68 bytes" not in again.err
    assert FrontierUrl.objects.count() == 2
    obstore.put(bucket, "2026/b.csv", rows.replace("a.example", "b.example").encode())
    read = cli.ask("ingest", "--bucket", f"{url}/2026", "--watch", "others")["files"]
    assert sum(one["kept"] for one in read) == 4
    assert all(path.is_relative_to(data / "lists") for path in data.rglob("*.csv"))


@pytest.mark.long
def test_a_bucket_that_refuses_is_told_with_what_to_do(cli: Terminal, studio: str, s3: S3) -> None:
    data = cli.desk.services.config.data_dir
    url = s3.url_for(data)
    (data / "secrets" / "bucket.toml").write_text(s3.settings(secret_access_key="wrong"))
    told = cli.run("ingest", "--bucket", url, "--watch", "lists", code=3)
    assert "SignatureDoesNotMatch" in told.err
    assert "wrong" not in told.err
    assert "--bucket URL" in cli.run("ingest", "--watch", "lists", code=2).err


def test_a_screenshot_in_a_web_archive_belongs_to_the_site_of_its_page(
    cli: Terminal, studio: str, folder: Path
) -> None:
    picture = photograph(1)
    head = (
        "WARC/1.1\r\nWARC-Type: resource\r\nWARC-Target-URI: urn:view:https://www.shop.example/item/1\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    )
    (folder / "shots.warc").write_bytes(head.encode() + picture + b"\r\n\r\n")
    cli.run("ingest", folder / "shots.warc", "--watch", "shots")
    cli.run("watch", "run", "shots archives", "--wait")
    seen = Sighting.objects.get()
    assert (seen.page_url, seen.host, seen.found_in) == (
        "https://www.shop.example/item/1",
        "www.shop.example",
        "screenshot",
    )
    assert seen.party
