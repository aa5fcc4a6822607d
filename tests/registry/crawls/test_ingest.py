"""Test that lists become URLs of a crawl, batch by batch, even if the process dies."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connections

from crawler.lists.line import Wanted
from exhibit.network.guard import Guard
from registry.crawls import ingest as module, lists
from registry.crawls.ingest import Order, ingest
from registry.models import AddressList, FrontierUrl, Watch
from tests.assets.rows import owner

LINES, BATCH = 450, 100


@dataclass(frozen=True, slots=True)
class Deadly(Guard):
    """A guard during which the process dies as by ``kill -9`` when it checks a certain URL."""

    last: str = ""

    def check_url(self, url: str) -> None:
        if url == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        Guard.check_url(self, url)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", BATCH)


def url(number: int) -> str:
    return f"http://s{number % 7}.example/{number}.jpg"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("url\n" + "".join(f"{url(n)}\n" for n in range(LINES)))
    return path


@pytest.fixture
def watch(db: None) -> Watch:
    return lists.watch_of(owner("studio"), "lists", by="Ann")


def order(watch: Watch | None, **how: object) -> Order:
    return Order(**{"watch": watch, "wanted": Wanted(), "guard": Guard(), **how})  # type: ignore[arg-type]


def read(path: Path, by: Order) -> AddressList:
    return [read for read, _left_out in ingest([path], by)][-1].row


def in_order() -> list[str]:
    return sorted(FrontierUrl.objects.values_list("url", flat=True), key=lambda one: int(one[18:-4]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("last", [0, 1, 199, 200, 350, LINES - 1])
def test_killed_at_any_line_it_goes_on_and_each_address_is_in_once(listed: Path, watch: Watch, last: int) -> None:
    connections.close_all()
    if not (child := os.fork()):
        read(listed, order(watch, guard=Deadly(last=url(last))))
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    kept = FrontierUrl.objects.count()
    assert kept % BATCH == 0
    assert kept <= last
    row = read(listed, order(watch))
    assert (row.lines, row.kept, row.skipped, row.whole) == (LINES, LINES, {}, True)
    assert in_order() == [url(n) for n in range(LINES)]


def test_stopped_it_ends_behind_a_batch_and_later_goes_on_there(listed: Path, watch: Watch) -> None:
    row = read(listed, order(watch, stopped=lambda: True))
    assert (row.lines, row.whole, FrontierUrl.objects.count()) == (BATCH, False, BATCH)
    told = list(ingest([listed], order(watch)))
    assert told[0][0].before == BATCH
    assert told[0][0].row.whole
    assert in_order() == [url(n) for n in range(LINES)]
    assert len(list(ingest([listed], order(watch)))) == 1


def test_what_is_left_out_is_told_with_its_reason_and_what_was_read_before_an_error_stands(
    listed: Path, watch: Watch, tmp_path: Path
) -> None:
    text = f"url,caption\nnot an address,x\n{url(1)},wave\n{url(1)},wave\n{url(2)},fuji\n"
    listed.write_text(text)
    broken, late = tmp_path / "broken.parquet", tmp_path / "later.csv"
    broken.write_bytes(b"PAR1 and so on")
    late.write_text(f"url,caption\n{url(1)},wave\n")
    by = order(watch, wanted=Wanted(words=("wave",)))
    reads = list({read.path: read for read, _ in ingest([listed, broken, late], by)}.values())
    out = [left for _, some in ingest([listed], order(None, wanted=by.wanted)) for left in some]
    assert out == [("bad-url", "not an address"), ("known", url(1)), ("word", url(2))]
    assert [(one.row.lines, one.row.kept, one.row.whole) for one in reads] == [
        (4, 1, True),
        (0, 0, False),
        (1, 0, True),
    ]
    assert reads[1].problem
    assert FrontierUrl.objects.count() == 1


def test_a_file_that_has_changed_is_read_anew_and_nothing_comes_twice(listed: Path, watch: Watch) -> None:
    read(listed, order(watch))
    with listed.open("a") as file:
        file.write(f"{url(LINES)}\n")
    first = next(ingest([listed], order(watch)))[0]
    assert first.changed
    row = read(listed, order(watch))
    assert (row.lines, row.kept, row.skipped[lists.KNOWN][0]) == (LINES + 1, 1, LINES)
    assert FrontierUrl.objects.count() == LINES + 1


def test_counting_keeps_nothing(listed: Path, db: None) -> None:
    row = read(listed, order(None))
    assert (row.lines, row.kept, row.whole) == (LINES, LINES, True)
    assert not AddressList.objects.exists()
    assert not FrontierUrl.objects.exists()


def test_an_image_has_the_page_that_shows_it_where_that_is_an_address(listed: Path, watch: Watch) -> None:
    pages = ["http://a.example/", "nowhere", url(2), "http://a.example/a b", "javascript:x"]
    listed.write_text("url,source\n" + "".join(f"{url(n)},{page}\n" for n, page in enumerate(pages)))
    read(listed, order(watch))
    kept = dict(FrontierUrl.objects.values_list("url", "page_url"))
    assert kept == {url(n): pages[0] if n == 0 else "" for n in range(5)}
