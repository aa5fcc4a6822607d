import time

import pytest

from crawler.reading.encoding import decode_text, encode_query

JAPANESE = "写真の販売サイトです。富士山の日の出の写真をご覧ください。"
RUSSIAN = "Фотография Байкала на закате, снимки озера зимой"


@pytest.mark.parametrize(
    ("data", "content_type", "text"),
    [
        ("größe".encode(), "", "größe"),
        (RUSSIAN.encode("cp1251"), "", RUSSIAN),
        (RUSSIAN.encode("koi8-r"), "text/html; charset=koi8-r", RUSSIAN),
        (
            "写真の販売サイトです。富士山の日の出の写真をご覧ください。".encode("shift_jis"),
            "",
            "写真の販売サイトです。富士山の日の出の写真をご覧ください。",
        ),
        (("größe " * 50).encode() + b"\xff", "", "größe " * 50 + "\ufffd"),
        (("ö" * 50).encode()[:-1], "", "ö" * 49 + "\ufffd"),
        ("Copyright © 2020, It’s a – b".encode("cp1252"), "", "Copyright © 2020, It’s a – b"),
        ("a\xa0b".encode("cp1252"), "", "a\xa0b"),
        (b"<meta charset=hex>abc", "text/html; charset=undefined", "<meta charset=hex>abc"),
        (b"abc", "text/html; charset=rot13", "abc"),
        (b"", "", ""),
    ],
)
def test_page_uses_declared_encoding_or_best_guess(data: bytes, content_type: str, text: str) -> None:
    assert decode_text(data, content_type)[1] == text


@pytest.mark.parametrize("charset", ["punycode", "idna", "unicode_escape", "utf-7", "zlib", "x", "\x00", "a" * 5_000])
def test_declared_encodings_are_decoded_quickly(charset: str) -> None:
    start = time.process_time()
    assert decode_text(b"abc-" * 250_000, f"text/css; charset={charset}", is_html=False)[1].startswith("abc-abc-")
    assert time.process_time() - start < 5


def test_only_url_query_uses_page_encoding() -> None:
    assert encode_query("/лёд?q=лёд&a=%41", "cp1251") == "/лёд?q=%EB%B8%E4&a=%41"
    assert encode_query("/x?q=写", "cp1251") == "/x?q=%26%2320889%3B"
    assert encode_query("/x?q=лёд", "utf-8") == "/x?q=лёд"
