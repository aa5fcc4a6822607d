"""Documents made to cost much: a long one is read in about the time and memory that its length allows."""

import subprocess
import sys

import pytest

from crawler.reading import css
from crawler.reading.feeds import read_sitemap
from crawler.reading.found import MAX_ADDRESS, absolute
from crawler.reading.policy import robots_policy
from crawler.reading.srcset import candidates_of
from crawler.reading.webpage import read_page
from workers.servers.product import CHECKOUT

HERE = "http://example.org/a/b.html"
LONG = 300_000
"""So often that anything slower than linear would take an hour."""


def test_comments_that_are_never_closed_are_stepped_over_once() -> None:
    assert css.images_of("a{b:url(x.jpg)}" + "/* " * LONG) == ["x.jpg"]
    assert css.imports_of('@import "a.css";' + "/* " * LONG) == ["a.css"]


def test_brackets_that_are_never_closed_end_a_srcset() -> None:
    assert candidates_of("a.jpg 2x, b.jpg " + "(a " * LONG) == [("a.jpg", 2.0), ("b.jpg", 1.0)]


def test_a_robots_txt_of_empty_lines_is_read_at_once() -> None:
    policy = robots_policy(200, b"\n" * LONG + b" Content-Signal: ai-train=no\n", "ExhibitBot")
    assert policy.ai == ("ai-train=no",)


def test_many_captions_of_one_figure_are_for_the_pictures_before_the_first() -> None:
    pictures = "".join(f"<img src={number}.jpg>" for number in range(20_000))
    images = read_page(f"<figure>{pictures}{'<figcaption>Words</figcaption>' * 20_000}</figure>", HERE).images
    assert len(images) == 20_000
    assert all(image.context.startswith("Words") for image in images)


@pytest.mark.parametrize("element", ["<a href=p{}>x</a>", "<img src=p{}.jpg>", "<link rel=stylesheet href=p{}.css>"])
def test_a_long_base_address_is_not_repeated_without_end(element: str) -> None:
    base = "http://example.org/" + "y" * (MAX_ADDRESS - 100)
    page = f"<base href='{base}/'>" + "".join(element.format(number) for number in range(50_000))
    document = read_page(page, HERE)
    addresses = [*(one.url for one in document.links), *(one.url for one in document.images), *document.sheets]
    assert 1_000 < len(addresses) < 5_000
    assert addresses[0].startswith(base)


def test_a_sitemap_of_the_largest_size_is_read_whole() -> None:
    entries = "".join(f"<url><loc>http://example.org/{number:0100}</loc></url>" for number in range(50_000))
    document = read_sitemap(f"<urlset>{entries}</urlset>".encode(), "http://example.org/sitemap.xml", 1 << 25)
    assert len(document.links) == 50_000


def test_an_address_longer_than_servers_take_is_none() -> None:
    assert absolute(HERE, "x" * MAX_ADDRESS) == ""
    assert absolute(HERE, "x" * 4_000) != ""
    assert len(absolute(HERE, "data:image/png;base64," + "A" * LONG)) > LONG


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/a\0b.jpg", "/a%00b.jpg"),
        ("/a\x1f\x7f.jpg", "/a%1F%7F.jpg"),
        ("/\ud800.jpg", "/\ufffd.jpg"),
        ("/a b", "/a%20b"),
    ],
)
def test_signs_that_no_row_can_hold_are_escaped_in_addresses(address: str, url: str) -> None:
    assert absolute(HERE, address) == f"http://example.org{url}"


def test_a_slice_gets_no_more_memory_than_it_may_have() -> None:
    take = "from crawler.crawling.run import _limit_memory; _limit_memory(64); bytearray(2 << 30)"
    done = subprocess.run([sys.executable, "-c", take], capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert "MemoryError" in done.stderr
