"""Test that only HTML that shows an image to a reader counts as embedding it."""

import base64
import time

import pytest

from evidence.verify.checks.embedding import EMBEDDED, MAX_PAGE_BYTES, asks_for_password, describe_use, list_refreshes
from exhibit.digests import Digest

BYTES = b"the bytes of an image"
INLINE = f"data:image/png;base64,{base64.b64encode(BYTES).decode()}"
EMBEDDING_MARKUP = (
    "<img src=field.jpg>", "<IMG SRC='/field.jpg#part'>", '<img srcset="o.jpg 1x, field.jpg 2x" src=o.jpg>',
    "<picture><source srcset=x.jpg><source srcset=field.jpg><img src=o.jpg></picture>",
    '<div style="background: url( field.jpg ) 0 0">', '<style>.a{background:url("field.jpg")}</style><div class=a>',
    "<svg><image xlink:href=field.jpg></svg>", "<svg><image href=field.jpg></svg>", "<video poster=field.jpg>",
    "<input type=image src=field.jpg>", "<body background=field.jpg>", '<img src="f%69eld.jpg">',
    "<img src=http://copies.example/field.jpg>", "<img src=field.jpg width=100% height=auto>",
    '<img src=field.jpg style="opacity:0.5;max-width:100%">', "<!-- no --><img src=field.jpg><!-- field.jpg -->",
    '<base href="/x/"><img src=../field.jpg>', '<object data="field.jpg">o</object>',
    '<p style="opacity:.1"><img src=field.jpg>',
    '<img src=field.jpg style="width:10%;height:1em;transform:scale(0.9) translateX(-50%);opacity:50%">',
    '<style>@font-face{src:url(a.woff)}@import "b.css";.a{background:url(field.jpg)}</style><p class=a>',
    '<div style="height:0;padding-bottom:56%"><img src=field.jpg></div>',
)  # fmt: skip
NON_EMBEDDING_MARKUP = (
    "<!-- removed: field.jpg --><img src=other.jpg>", "<!-- <img src=field.jpg> -->", "<p>field.jpg</p>",
    "<img alt=field.jpg src=o.jpg>", "<img title=field.jpg src=o.jpg>", "<img data-src=field.jpg>",
    "<p data-image=field.jpg>", "<noscript><img src=field.jpg></noscript>", "<template><img src=field.jpg></template>",
    "<textarea><img src=field.jpg></textarea>", "<title><img src=field.jpg></title>",
    "<xmp><img src=field.jpg></xmp>", "<plaintext><img src=field.jpg>", "<![CDATA[<img src=field.jpg>]]>",
    "<?php <img src=field.jpg> ?>", '<script>x = "<img src=field.jpg>"</script>', "<style>/*url(field.jpg)*/</style>",
    "<img src=field.jpg width=1 height=1>", '<img src=field.jpg style="width:1px">',
    '<img src=field.jpg style="opacity : 0">', '<img src=field.jpg style="position:absolute;left:-9999px">',
    '<div style="display: none"><p><img src=field.jpg></div>', "<div hidden><img src=field.jpg></div>",
    "<a href=field.jpg>x</a>", "<a href=field.jpg><img src=o.jpg></a>", "<meta property=og:image content=field.jpg>",
    "<link rel=preload as=image href=field.jpg>", "<img src=/other/field.jpg>", "<base href=/x/><img src=field.jpg>",
    "<picture><source srcset=field.jpg></picture>", "<input type=text src=field.jpg>", "", "<p>Nothing.</p>",
    "<video src=a.mp4><img src=field.jpg></video>", "<canvas><img src=field.jpg></canvas>",
    "<object data=o.png><img src=field.jpg></object>", "<select><option><img src=field.jpg></select>",
    "<svg><defs><image href=field.jpg /></defs></svg>", "<style>@import url(field.jpg);</style>",
    "<style>@font-face { src: url(field.jpg) }</style>", "<style media=print>p{background:url(field.jpg)}</style>",
    '<img src=field.jpg style="opacity:.001">', '<img src=field.jpg style="filter: opacity(0)">',
    '<img src=field.jpg style="transform:scale(0)">', '<img src=field.jpg style="transform:translateX(-9999px)">',
    '<img src=field.jpg style="clip-path:inset(100%)">', '<img src=field.jpg style="clip:rect(0, 0, 0, 0)">',
    '<img src=field.jpg style="left:-100vw">', '<img src=field.jpg style="width:.1em">',
    '<p style="content-visibility:hidden"><img src=field.jpg>',
    "<img src=//elsewhere.example/field.jpg>", "<img src=field.jpg?v=2>", f"<img src='{INLINE}'>",
)  # fmt: skip


def find_use(html: str, url: str = "https://copies.example/field.jpg") -> str:
    return describe_use(html.encode(), url, Digest.from_bytes(BYTES), "https://copies.example/")


@pytest.mark.parametrize("html", EMBEDDING_MARKUP)
def test_markup_that_shows_image_embeds_it(html: str) -> None:
    assert find_use(html) == EMBEDDED


@pytest.mark.parametrize("html", NON_EMBEDDING_MARKUP)
def test_mention_without_display_does_not_embed_image(html: str) -> None:
    assert find_use(html) != EMBEDDED


def test_meta_refresh_is_read_as_browsers_do() -> None:
    page = b"<meta http-equiv=REFRESH content='0; url=/login'><!-- <meta http-equiv=refresh content='1;url=/x'> -->"
    assert list_refreshes(page + b"<noscript><meta http-equiv=refresh content='0;url=/plain'></noscript>") == [
        "0; url=/login"
    ]


def test_inline_image_is_found_by_bytes_where_displayed() -> None:
    url = f"data:image/png;sha-256={Digest.from_bytes(BYTES).hex}"
    other = "data:image/png;base64,AAAA"
    assert find_use(f'<img src="{INLINE}">', url) == find_use(f'<p style="background:url({INLINE})">', url) == EMBEDDED
    for html in (
        f"<!-- {INLINE} -->",
        f"<script>'{INLINE}'</script>",
        f"<img data-src='{INLINE}'>",
        f"<img src={other}>",
    ):
        assert find_use(html, url) != EMBEDDED


def test_visible_password_field_is_detected() -> None:
    assert asks_for_password(b"<form><INPUT name=p TYPE=' Password '></form>")
    assert not asks_for_password(b"<form hidden><input type=password></form><!-- <input type=password> -->")
    assert not asks_for_password(b"<template><input type=password></template><p>password</p>")


@pytest.mark.parametrize(
    "piece",
    [
        "<img src=x>", "<img src=/x/field.jpg>", "<div>", "<!--", "<a ", "<base href=/>", "<style>/*", "<div hidden>",
        "<input type=password hidden>", '<img src=field.jpg style="', "url(", ";display ", " ", "0", "width:",
    ],
)  # fmt: skip
def test_reading_takes_linear_time(piece: str) -> None:
    page = f'<img src=field.jpg style="opacity:{piece * (MAX_PAGE_BYTES // 4 // len(piece))}'.encode()
    for text in (page, page.partition(b'"')[2].removeprefix(b"opacity:")):
        began = time.process_time()
        describe_use(text, "https://copies.example/field.jpg", None, "https://copies.example/")
        assert time.process_time() - began < 2e-6 * len(text) + 0.5  # twice the documented limit, for slower machines
