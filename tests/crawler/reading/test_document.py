import pytest

from crawler.reading.document import MAX_URL_LENGTH, compute_fingerprint, normalise_text, resolve_url

PAGE_URL = "http://example.org/a/b.html"
LONG = 300_000
"""Repetitions for which anything slower than linear would take an hour."""


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("c.jpg", "http://example.org/a/c.jpg"),
        ("/c.jpg#part", "http://example.org/c.jpg"),
        ("//other.example/c.jpg", "http://other.example/c.jpg"),
        (" c d.jpg\n", "http://example.org/a/c%20d.jpg"),
        ("?q=1", "http://example.org/a/b.html?q=1"),
        ("data:image/png;base64,AA==", "data:image/png;base64,AA=="),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("", ""),
        ("#top", ""),
        ("javascript:alert(1)", ""),
        ("mailto:a@example.org", ""),
        ("blob:http://example.org/1", ""),
        ("http://[bad/", ""),
        ("img\\c\\d.jpg", "http://example.org/a/img/c/d.jpg"),
        ("\\\\other.example\\c.jpg", "http://other.example/c.jpg"),
        ("?a\\b", "http://example.org/a/b.html?a\\b"),
        ("./img//c.jpg", "http://example.org/a/img//c.jpg"),
        ("/img///c.jpg", "http://example.org/img///c.jpg"),
        ("http://other.example//c.jpg?u=http://x//y", "http://other.example//c.jpg?u=http://x//y"),
        ("img/https://x.example//c.jpg", "http://example.org/a/img/https://x.example//c.jpg"),
        ("///other.example/c.jpg", "http://other.example/c.jpg"),
        ("https:///other.example/c.jpg", "https://other.example/c.jpg"),
        ("http://[::1% ]/x?y", ""),
        ("../c//../d.jpg", "http://example.org/c/d.jpg"),
    ],
)
def test_url_is_absolute_or_omitted(address: str, url: str) -> None:
    assert resolve_url(PAGE_URL, address) == url


def test_empty_base_path_segment_is_kept() -> None:
    assert resolve_url("http://example.org/a//b/c.html", "d.jpg") == "http://example.org/a//b/d.jpg"


def test_plain_text_has_no_control_characters() -> None:
    assert normalise_text(" a\0b \n\t c\x1b[1m ") == "ab c[1m"
    assert len(normalise_text("x" * 10_000)) == 500


def test_overlong_url_is_omitted() -> None:
    assert resolve_url(PAGE_URL, "x" * MAX_URL_LENGTH) == ""
    assert resolve_url(PAGE_URL, "x" * 4_000) != ""
    assert len(resolve_url(PAGE_URL, "data:image/png;base64," + "A" * LONG)) > LONG


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/a\0b.jpg", "/a%00b.jpg"),
        ("/a\x1f\x7f.jpg", "/a%1F%7F.jpg"),
        ("/\ud800.jpg", "/%EF%BF%BD.jpg"),
        ("/a b", "/a%20b"),
    ],
)
def test_unstorable_characters_are_escaped_in_urls(address: str, url: str) -> None:
    assert resolve_url(PAGE_URL, address) == f"http://example.org{url}"


def test_similar_texts_have_similar_fingerprints() -> None:
    words = [f"w{number}" for number in range(500)]

    def bits(other: list[str]) -> int:
        return (int(compute_fingerprint(words), 16) ^ int(compute_fingerprint(other), 16)).bit_count()

    assert bits([" ".join(words).upper()]) == 0
    assert bits([*words[:250], "changed", *words[251:]]) <= 3
    assert bits(words[250:]) > 3
    assert bits([f"v{number}" for number in range(500)]) > 16


def test_short_text_has_no_fingerprint() -> None:
    assert compute_fingerprint(["one two three", "four five six seven eight nine"]) == ""
    assert len(compute_fingerprint(["one two three", "four five six seven eight nine ten"])) == 16
