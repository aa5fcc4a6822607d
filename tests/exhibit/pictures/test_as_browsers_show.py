"""Test that ordinary files of every kind are decoded as Chromium displays them."""

import base64
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from exhibit.pictures.decode import decode
from tests.assets.badfiles import difference, encode, encode_with_orientation, generate_photo
from tests.assets.browser import CHROMIUM, Tab, running_tab
from tests.assets.profiles import ADOBE_RGB, DISPLAY_P3, grey_profile, inks, rgb_profile, srgb_curve, table_profile

PICTURE = generate_photo(240, 160)
GREY = PICTURE.convert("L")
SHOW = """
const show = async (packed, type) => {
  const data = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const image = new Image();
  const ended = new Promise((done) => { image.onload = image.onerror = done; });
  image.src = URL.createObjectURL(new Blob([data], { type }));
  await ended;
  if (!image.naturalWidth) return "";
  const canvas = Object.assign(document.createElement("canvas"), {
    width: image.naturalWidth, height: image.naturalHeight,
  });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
};
"""
TOLERANCE = 2.0
AVIF_TOLERANCE = 6.0
"""Mean levels: the colours of an AVIF differ by 5.4 between versions of Chromium."""


def _translucent(mode: str = "RGB") -> Image.Image:
    picture = PICTURE.convert(mode)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def _encode_with_orientation(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(PICTURE, kind, exif=exif, lossless=True)


def _files() -> dict[str, Callable[[], bytes]]:
    """Return functions that each make a file, by a name that starts with its format."""
    jpeg, png = partial(encode, kind="JPEG", quality=92), partial(encode, kind="PNG")
    wide = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)
    files: dict[str, Callable[[], bytes]] = {
        "jpeg": partial(jpeg, PICTURE),
        "jpeg progressive": partial(jpeg, PICTURE, progressive=True),
        "jpeg grey": partial(jpeg, GREY),
        "jpeg grey by its profile": partial(jpeg, GREY, icc_profile=grey_profile(1.8)),
        "jpeg inks": partial(jpeg, PICTURE.convert("CMYK")),
        "jpeg inks by their profile": partial(
            jpeg, PICTURE.convert("CMYK"), icc_profile=table_profile(b"CMYK", inks, 9)
        ),
        "jpeg Display P3": partial(jpeg, PICTURE, icc_profile=rgb_profile(srgb_curve(), DISPLAY_P3)),
        "jpeg Adobe RGB": partial(jpeg, PICTURE, icc_profile=rgb_profile(563 / 256, ADOBE_RGB)),
        "jpeg of an unreadable profile": partial(jpeg, PICTURE, icc_profile=b"no profile" * 20),
        "png": partial(png, PICTURE),
        "png grey 16": partial(png, wide),
        "png palette": partial(png, PICTURE.quantize(64)),
        "png palette clear": partial(png, PICTURE.quantize(64), transparency=bytes(range(0, 256, 4))),
        "png translucent": partial(png, _translucent()),
        "png translucent grey": partial(png, _translucent("L")),
        "png Display P3 version 4": partial(png, PICTURE, icc_profile=rgb_profile(srgb_curve(), DISPLAY_P3, 4)),
        "png of a table": partial(png, PICTURE, icc_profile=table_profile(b"RGB ", inks_of, 9)),
        "webp": partial(encode, PICTURE, "WEBP", quality=92),
        "webp Display P3": partial(encode, PICTURE, "WEBP", icc_profile=rgb_profile(srgb_curve(), DISPLAY_P3)),
        "webp translucent": partial(encode, _translucent(), "WEBP", lossless=True),
        "gif": partial(encode, PICTURE.quantize(64), "GIF"),
        "gif clear": partial(encode, PICTURE.quantize(8), "GIF", transparency=3),
        "bmp": partial(encode, PICTURE, "BMP"),
        "avif": partial(encode, PICTURE, "AVIF", quality=95),
        "avif translucent": partial(encode, _translucent(), "AVIF", quality=95),
        "x-icon": partial(encode, PICTURE.resize((128, 128)), "ICO", sizes=[(16, 16), (48, 48), (128, 128)]),
    }
    for kind in ("GIF", "PNG", "WEBP", "AVIF"):
        more = {"save_all": True, "append_images": [PICTURE.rotate(180)], "duration": 60_000, "lossless": True}
        files[f"{kind.lower()} animated"] = partial(encode, PICTURE, kind, **more)
    for orientation in (2, 3, 5, 6, 8):
        files[f"jpeg turned {orientation}"] = partial(encode_with_orientation, PICTURE, orientation)
    for kind in ("PNG", "WEBP", "AVIF"):
        files[f"{kind.lower()} turned"] = partial(_encode_with_orientation, kind, 6)
    return files


def inks_of(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Lab values of colours printed on yellowish paper without black."""
    return inks(np.concatenate([1 - levels, np.zeros((len(levels), 1))], axis=1))


def _rendered_pixels(tab: Tab, data: bytes, kind: str) -> NDArray[np.uint8]:
    png = tab.evaluate(f"show('{base64.b64encode(data).decode()}', 'image/{kind}')")
    return np.asarray(Image.open(BytesIO(base64.b64decode(png))).convert("RGB"))


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_pictures_are_decoded_as_in_chromium(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><script>{SHOW}</script>", encoding="utf-8")
    away = {}
    with running_tab(tmp_path / "profile") as tab:
        tab.open(page.as_uri())
        for name, make in _files().items():
            data, kind = make(), name.partition(" ")[0]
            away[name] = difference(decode(data).pixels, _rendered_pixels(tab, data, kind))
    limits = {name: AVIF_TOLERANCE if name.startswith("avif") else TOLERANCE for name in away}
    assert {name: distance for name, distance in away.items() if distance > limits[name]} == {}
