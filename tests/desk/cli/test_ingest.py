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

from crawler.lists.line import SKIP_REASONS
from exhibit.files.bucket import open_store
from exhibit.network.guard import Guard
from registry.crawls import list_ingestion
from registry.models import FrontierUrl, Sighting, Watch
from tests.assets.command_line import Terminal
from tests.assets.rows import photograph, recompress
from tests.assets.shop import Shop
from tests.assets.swift_server import S3

PRIVATE_URL = "http://10.0.0.1/inside.jpg"


def write_list(folder: Path, *rows: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(("url,caption,width", *rows)) + "\n", "utf-8")
    return path


def test_skipped_files_of_a_folder_are_counted_by_reason(cli: Terminal, studio: str, folder: Path) -> None:
    write_list(folder, f"{PRIVATE_URL},a wave,640")
    for name in ("notes.txt", "photo.heic", ".hidden.csv"):
        (folder / name).touch()
    (folder / "link.csv").symlink_to(folder / "list.csv")
    left_out = cli.run_json("ingest", folder, "--watch", "lists")["left_out"]
    assert {reason: group["files"] for reason, group in left_out.items()} == {"format": 2, "hidden": 1, "link": 1}
    assert all(group["sentence"] and group["examples"] for group in left_out.values())
    output = cli.run("ingest", folder, "--watch", "lists").err
    assert all(name in output for name in ("notes.txt", "photo.heic", ".hidden.csv", "link.csv"))


@pytest.mark.long
def test_listed_urls_are_visited_and_matched(cli: Terminal, studio: str, shop: Shop, folder: Path) -> None:
    (folder / "one.jpg").write_bytes(photograph(1))
    cli.run("work", "add", folder / "one.jpg")
    rows = [f"{shop.url('/copy.jpg')},a wave,640", f"{shop.url('/gone.jpg')},a wave,640", f"{PRIVATE_URL},a wave,640"]
    path = write_list(folder, *rows, "a.example/1.jpg,a wave,640", f"{shop.url('/other.jpg')},a wave,99")
    shop.image("/copy.jpg", recompress(photograph(1)))
    pages = write_list(folder, f"{shop.url()},,", name="pages.csv")
    command = ("ingest", path, "--watch", "lists", "--min-width", "100")
    (file,) = cli.run_json(*command)["files"]
    assert (file["lines"], file["kept"]) == (5, 2)
    result = cli.run(*command)
    assert all(address in result.out for address in ("a.example/1.jpg", PRIVATE_URL))
    assert "exhibit watch run lists --wait" in result.err
    cli.run("ingest", pages, "--watch", "lists", "--kind", "page")
    Watch.objects.update(politeness={"delay": 0})
    assert FrontierUrl.objects.count() == 3
    data = cli.run_json("watch", "run", "lists", "--wait")
    assert (data["state"], data["reason"], data["pages"], data["cases"]) == ("done", "finished", 1, 1)
    assert data["refused"] == {"http-404": 1}
    sightings = set(Sighting.objects.values_list("image_url", "found_in"))
    assert (shop.url("/copy.jpg"), "list") in sightings
    assert (shop.url("/copy.jpg"), "img") in sightings  # on the page
    cli.run("watch", "run", "lists", code=2)  # nothing is left to visit


def test_folder_of_many_formats_is_reported_as_json(cli: Terminal, studio: str, folder: Path) -> None:
    inner = folder / "part"
    inner.mkdir()
    parquet.write_table(pa.table({"url": ["http://a.example/1.jpg", "http://b.example/2.jpg"]}), inner / "a.parquet")
    (inner / "b.cdx.gz").write_bytes(
        gzip.compress(b'a 1 {"url": "http://a.example/1.jpg", "mime": "image/jpeg"}\n'
                      b'a 1 {"url": "http://a.example/", "mime": "text/html"}\n')
    )  # fmt: skip
    (inner / "c.csv").write_bytes(b"address\nhttp://a.example/3.jpg\n")
    (inner / "d.csv.gz").write_bytes(gzip.compress(b"url\nhttp://a.example/4.jpg\n" * 9)[:-9])
    data = cli.run_json("ingest", folder, "--watch", "lists", "--host", "a.example", "--only", "image", code=4)
    first, index, column, cut = data["files"]
    assert (first["lines"], first["kept"], first["whole"], first["changed"], first["problem"]) == (
        2,
        1,
        True,
        False,
        "",
    )
    assert first["skipped"] == {
        "host": {"lines": 1, "sentence": SKIP_REASONS["host"], "examples": ["http://b.example/2.jpg"]}
    }
    assert {reason: item["lines"] for reason, item in index["skipped"].items()} == {"known": 1, "only": 1}
    assert "--column" in column["problem"]
    assert "is truncated" in cut["problem"]
    cli.run_json("ingest", inner / "c.csv", "--watch", "lists", "--column", "address")
    assert sorted(FrontierUrl.objects.values_list("url", flat=True)) == [
        *(f"http://a.example/{n}.jpg" for n in (1, 3)),
        *(["http://a.example/4.jpg"] if cut["kept"] else []),
    ]
    assert cli.api("GET", "watches")["items"][0]["next_run_at"] is None


def test_skipped_rows_are_written_and_dry_run_stores_nothing(cli: Terminal, studio: str, folder: Path) -> None:
    path = write_list(
        folder,
        "http://a.example/1.jpg,x,",
        "http://a.example/1.jpg,x,",
        f"{PRIVATE_URL},x,",
        "http://b.example/1.png,,",
    )
    out = folder / "out.csv"
    options = ("--exclude-host", "b.example", "--skipped", out)
    data = cli.run_json("ingest", path, "--watch", "lists", *options, "--dry-run")
    assert [(entry["lines"], entry["kept"]) for entry in data["files"]] == [(4, 1)]
    assert data["requests"]["largest"] == [{"host": "a.example", "addresses": 1, "seconds": 1.0}]
    assert not Watch.objects.exists()
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[:3] for row in rows] == [
        ["file", "reason", "address"],
        ["list.csv", "known", "http://a.example/1.jpg"],
        ["list.csv", "private-address", PRIVATE_URL],
        ["list.csv", "without-host", "http://b.example/1.png"],
    ]
    cli.run("ingest", path, "--watch", "x", "--skipped", folder / "no" / "x", code=2)


def test_import_result_does_not_depend_on_the_order_of_hosts(cli: Terminal, studio: str, folder: Path) -> None:
    path = write_list(folder, "http://a.example/1.jpg,x,", "http://b.example/1.jpg,x,")
    hosts = [("--host", f"{name}.example") for name in "abcdefgh"]
    cli.run("ingest", path, "--watch", "lists", *(word for host in hosts for word in host))
    cli.run("ingest", path, "--watch", "lists", *(word for host in reversed(hosts) for word in host))
    assert FrontierUrl.objects.count() == 2


def test_invalid_inputs_are_reported(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    assert folder.name in cli.run("ingest", folder, "--watch", "x", code=2).err
    path = write_list(folder, "http://a.example/1.jpg,,")
    assert "http://a.example" in cli.run("ingest", path, "--watch", "x", "--host", "http://a.example", code=2).err
    cli.run("watch", "add", "shop", "--site", "http://127.0.0.1/")
    assert "shop" in cli.run("ingest", path, "--watch", "shop", code=2).err
    assert not FrontierUrl.objects.exists()


@pytest.mark.long
def test_web_archives_are_imported_once_by_their_own_watch(cli: Terminal, studio: str, folder: Path) -> None:
    write_list(folder, "http://a.example/1.jpg,,")
    picture = photograph(1)
    head = (
        "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://a.example/old.jpg\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    )
    style = head.replace("old.jpg", "old.css").replace("image/jpeg", "text/css").replace(f"{len(picture)}\r", "4\r")
    (folder / "old.warc").write_bytes(head.encode() + picture + b"\r\n\r\n" + style.encode() + b"p {}\r\n\r\n")
    data = cli.run_json("ingest", folder, "--watch", "lists", "--dry-run")
    expected = {"addresses": 1, "hosts": 1, "seconds": 1.0, "others": {"hosts": 0, "addresses": 0}}
    assert data["requests"] == {**expected, "largest": [{"host": "a.example", "addresses": 1, "seconds": 1.0}]}
    summary = {"file": str(folder), "pictures": 1, "refused": {}, "problems": [], "whole": True}
    assert data["in_files"] == [summary]
    alone = cli.run("watch", "add", "old", "--warc", folder / "old.warc", "--dry-run")
    assert "old.warc" in alone.out
    assert not Watch.objects.exists()
    messages = [cli.run_json("ingest", folder, "--watch", "lists")["archives"] for _ in range(2)]
    assert (all("lists archives" in message for message in messages), messages[0] == messages[1]) == (True, False)
    second_result = cli.run_json("watch", "run", "lists archives", "--wait")
    assert (second_result["number"], second_result["pictures"]) == (1, 1)
    assert second_result["skipped_records"] == {"not-an-image": 1}
    assert Watch.objects.get(name="lists archives").private
    assert not Watch.objects.get(name="lists").private


def test_truncated_archive_ends_the_run_as_incomplete(cli: Terminal, studio: str, folder: Path) -> None:
    (folder / "cut.warc").write_bytes(b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99\r\n\r\nHTTP")
    cli.run("watch", "add", "cut", "--warc", str(folder / "cut.warc"))
    result = cli.run("watch", "run", "cut", "--wait", code=4)
    assert "cut.warc" in result.err


@dataclass(frozen=True, slots=True)
class InterruptingGuard(Guard):
    """A guard that simulates Ctrl-C when it checks a certain URL."""

    interrupted_url: str = ""

    def check_url(self, url: str) -> None:
        if url == self.interrupted_url:
            os.kill(os.getpid(), signal.SIGINT)
        Guard.check_url(self, url)


def test_interrupted_import_resumes_with_the_same_command(
    cli: Terminal, studio: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_ingestion, "BATCH_SIZE", 10)
    urls = [f"http://a.example/{n}.jpg" for n in range(100)]
    path = write_list(folder, *(f"{url},," for url in urls))
    cli.desk.services.__dict__["guard"] = InterruptingGuard(interrupted_url=urls[35])
    data = cli.run_json("ingest", path, "--watch", "lists", code=130)
    count = FrontierUrl.objects.count()
    assert count in range(10, 100, 10)
    assert [(entry["lines"], entry["kept"]) for entry in data["files"]] == [(count, count)]
    cli.desk.services.__dict__["guard"] = Guard()
    (file,) = cli.run_json("ingest", path, "--watch", "lists")["files"]
    assert (file["lines"], file["kept"], file["whole"]) == (100, 100, True)
    assert set(FrontierUrl.objects.values_list("url", flat=True)) == set(urls)


@pytest.mark.long
def test_bucket_lists_are_copied_once_and_read(cli: Terminal, studio: str, s3: S3) -> None:
    data = cli.desk.services.config.data_dir
    url = s3.url_for(data)
    bucket = open_store(url, data / "secrets" / "bucket.toml")
    rows = "url,caption,width\nhttp://a.example/1.jpg,,\nhttp://a.example/2.jpg,,\n"
    for name in ("2026/a.csv", "2026/notes.txt"):
        obstore.put(bucket, name, rows.encode())
    result = cli.run("ingest", "--bucket", url, "--watch", "lists")
    assert ("a.csv: 68 bytes" in result.err, "notes.txt" in result.err) == (True, False)
    assert FrontierUrl.objects.count() == 2
    second_result = cli.run("ingest", "--bucket", url, "--watch", "lists")
    assert "a.csv: 68 bytes" not in second_result.err
    assert FrontierUrl.objects.count() == 2
    obstore.put(bucket, "2026/b.csv", rows.replace("a.example", "b.example").encode())
    files = cli.run_json("ingest", "--bucket", f"{url}/2026", "--watch", "others")["files"]
    assert sum(file["kept"] for file in files) == 4
    assert all(path.is_relative_to(data / "lists") for path in data.rglob("*.csv"))


@pytest.mark.long
def test_bucket_access_error_is_reported_with_a_hint(cli: Terminal, studio: str, s3: S3) -> None:
    data = cli.desk.services.config.data_dir
    url = s3.url_for(data)
    (data / "secrets" / "bucket.toml").write_text(s3.settings(secret_access_key="wrong"))
    result = cli.run("ingest", "--bucket", url, "--watch", "lists", code=3)
    assert "SignatureDoesNotMatch" in result.err
    assert "wrong" not in result.err
    assert "--bucket URL" in cli.run("ingest", "--watch", "lists", code=2).err


def test_archived_screenshot_belongs_to_the_site_of_its_page(cli: Terminal, studio: str, folder: Path) -> None:
    picture = photograph(1)
    head = (
        "WARC/1.1\r\nWARC-Type: resource\r\nWARC-Target-URI: urn:view:https://www.shop.example/item/1\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    )
    (folder / "shots.warc").write_bytes(head.encode() + picture + b"\r\n\r\n")
    cli.run("ingest", folder / "shots.warc", "--watch", "shots")
    cli.run("watch", "run", "shots archives", "--wait")
    sighting = Sighting.objects.get()
    assert (sighting.page_url, sighting.host, sighting.found_in) == (
        "https://www.shop.example/item/1",
        "www.shop.example",
        "screenshot",
    )
    assert sighting.party
