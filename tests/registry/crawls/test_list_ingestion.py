"""Test that lists become URLs of a crawl, batch by batch, even if the process dies."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connections

from crawler.lists.line import LineFilter
from exhibit.network.guard import Guard
from registry.crawls import list_ingestion as module, url_lists
from registry.crawls.list_ingestion import IngestOptions, ingest_lists
from registry.models import AddressList, FrontierUrl, Watch
from tests.assets.rows import owner

LINES, BATCH = 450, 100


@dataclass(frozen=True, slots=True)
class KillingGuard(Guard):
    """A guard that kills the process with SIGKILL when it checks a certain URL."""

    last: str = ""

    def check_url(self, url: str) -> None:
        if url == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        Guard.check_url(self, url)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", BATCH)


def make_url(number: int) -> str:
    return f"http://s{number % 7}.example/{number}.jpg"


@pytest.fixture
def list_path(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("url\n" + "".join(f"{make_url(n)}\n" for n in range(LINES)))
    return path


@pytest.fixture
def watch(db: None) -> Watch:
    return url_lists.get_or_create_watch(owner("studio"), "lists", by="Ann")


def make_options(watch: Watch | None, **overrides: object) -> IngestOptions:
    return IngestOptions(**{"watch": watch, "line_filter": LineFilter(), "guard": Guard(), **overrides})  # type: ignore[arg-type]


def ingest_list(path: Path, options: IngestOptions) -> AddressList:
    return [result for result, _left_out in ingest_lists([path], options)][-1].row


def list_sorted_urls() -> list[str]:
    return sorted(FrontierUrl.objects.values_list("url", flat=True), key=lambda address: int(address[18:-4]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("last", [0, 1, 199, 200, 350, LINES - 1])
def test_killed_ingestion_resumes_without_duplicates(list_path: Path, watch: Watch, last: int) -> None:
    connections.close_all()
    if not (child := os.fork()):
        ingest_list(list_path, make_options(watch, guard=KillingGuard(last=make_url(last))))
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    count = FrontierUrl.objects.count()
    assert count % BATCH == 0
    assert count <= last
    row = ingest_list(list_path, make_options(watch))
    assert (row.lines, row.kept, row.skipped, row.whole) == (LINES, LINES, {}, True)
    assert list_sorted_urls() == [make_url(n) for n in range(LINES)]


def test_stopped_ingestion_resumes_after_last_batch(list_path: Path, watch: Watch) -> None:
    row = ingest_list(list_path, make_options(watch, is_stopped=lambda: True))
    assert (row.lines, row.whole, FrontierUrl.objects.count()) == (BATCH, False, BATCH)
    results = list(ingest_lists([list_path], make_options(watch)))
    assert results[0][0].earlier_lines == BATCH
    assert results[0][0].row.whole
    assert list_sorted_urls() == [make_url(n) for n in range(LINES)]
    assert len(list(ingest_lists([list_path], make_options(watch)))) == 1


def test_skipped_rows_have_reasons_and_rows_before_an_error_are_kept(
    list_path: Path, watch: Watch, tmp_path: Path
) -> None:
    text = f"url,caption\nnot an address,x\n{make_url(1)},wave\n{make_url(1)},wave\n{make_url(2)},fuji\n"
    list_path.write_text(text)
    broken, late_path = tmp_path / "broken.parquet", tmp_path / "later.csv"
    broken.write_bytes(b"PAR1 and so on")
    late_path.write_text(f"url,caption\n{make_url(1)},wave\n")
    order_row = make_options(watch, line_filter=LineFilter(words=("wave",)))
    reads = list(
        {result.path: result for result, _ in ingest_lists([list_path, broken, late_path], order_row)}.values()
    )
    skipped_rows = [
        skip
        for _, skips in ingest_lists([list_path], make_options(None, line_filter=order_row.line_filter))
        for skip in skips
    ]
    assert skipped_rows == [("bad-url", "not an address"), ("known", make_url(1)), ("word", make_url(2))]
    assert [(entry.row.lines, entry.row.kept, entry.row.whole) for entry in reads] == [
        (4, 1, True),
        (0, 0, False),
        (1, 0, True),
    ]
    assert reads[1].problem
    assert FrontierUrl.objects.count() == 1


def test_changed_file_is_read_again_without_duplicates(list_path: Path, watch: Watch) -> None:
    ingest_list(list_path, make_options(watch))
    with list_path.open("a") as file:
        file.write(f"{make_url(LINES)}\n")
    first = next(ingest_lists([list_path], make_options(watch)))[0]
    assert first.has_changed
    row = ingest_list(list_path, make_options(watch))
    assert (row.lines, row.kept, row.skipped[url_lists.ALREADY_KNOWN][0]) == (LINES + 1, 1, LINES)
    assert FrontierUrl.objects.count() == LINES + 1


def test_dry_run_stores_nothing(list_path: Path, db: None) -> None:
    row = ingest_list(list_path, make_options(None))
    assert (row.lines, row.kept, row.whole) == (LINES, LINES, True)
    assert not AddressList.objects.exists()
    assert not FrontierUrl.objects.exists()


def test_page_url_is_stored_only_if_valid(list_path: Path, watch: Watch) -> None:
    pages = ["http://a.example/", "nowhere", make_url(2), "http://a.example/a b", "javascript:x"]
    list_path.write_text("url,source\n" + "".join(f"{make_url(n)},{page}\n" for n, page in enumerate(pages)))
    ingest_list(list_path, make_options(watch))
    page_urls = dict(FrontierUrl.objects.values_list("url", "page_url"))
    assert page_urls == {make_url(n): pages[0] if n == 0 else "" for n in range(5)}
