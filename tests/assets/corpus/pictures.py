"""Images that decoders rotate, animate or repair differently; the sealed similarity shows what each decoder saw."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from exhibit.digests import Digest
from exhibit.pictures.decode import inspect
from tests.assets.changes import Files
from tests.assets.corpus import Case, base, failing, written
from tests.assets.resealing import sealed_lie

FOUND = "data/sightings/01/image.jpg"
TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""Transposition with which to store an image so that the orientation reverses it."""


@cache
def shown() -> Image.Image:
    """Return the sighted image."""
    return Image.open(io.BytesIO(base()[FOUND])).convert("RGB")


def exif(value: int, *, kind: int = 3, order: str = "<") -> bytes:
    """Return an EXIF block with an orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    size = {3: "H2x", 1: "B3x"}[kind]
    body = struct.pack(f"{order}IHHHI{size}I", 8, 1, 0x0112, kind, 1, value, 0)
    return b"Exif\0\0" + mark + body


def stored(form: str, orientation: int, block: bytes | None = None, **options: Any) -> Callable[[], bytes]:  # noqa: ANN401
    """Return a function that stores the sighted image transposed, with an orientation that reverses it."""

    def make() -> bytes:
        turn = TURNS[orientation]
        picture = shown() if turn is None else shown().transpose(turn)
        out = io.BytesIO()
        quality = {"quality": 95} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
        picture.save(out, form, exif=exif(orientation) if block is None else block, **quality, **options)
        return out.getvalue()

    return make


def animated(form: str, *frames: str, **options: Any) -> Callable[[], bytes]:  # noqa: ANN401
    """Return a function that animates frames, each ``shown``, ``blank`` or ``noise``."""

    def make() -> bytes:
        noise = np.random.default_rng(7).integers(0, 255, (shown().height, shown().width, 3), np.uint8)
        kinds = {"shown": shown(), "blank": Image.new("RGB", shown().size, "white"), "noise": Image.fromarray(noise)}
        first, *rest = [kinds[frame].copy() for frame in frames]
        out = io.BytesIO()
        quality = {"lossless": True} if form == "WEBP" else {}
        first.save(out, form, save_all=True, append_images=rest, duration=100, **quality, **options)
        return out.getvalue()

    return make


def let_through(form: str, colour: str, **options: Any) -> Callable[[], bytes]:  # noqa: ANN401
    """Return a function that makes an image of one colour, more transparent where the sighted image is darker."""

    def make() -> bytes:
        picture = Image.new("RGB", shown().size, colour)
        picture.putalpha(shown().convert("L"))
        out = io.BytesIO()
        picture.save(out, form, **options)
        return out.getvalue()

    return make


def chunked(*chunks: tuple[bytes, bytes], behind: bool = False) -> Callable[[], bytes]:
    """Return a function that makes a PNG with additional chunks after its header, or after its pixels."""
    return with_chunks(stored("PNG", 1, b""), *chunks, behind=behind)


def with_chunks(png: Callable[[], bytes], *chunks: tuple[bytes, bytes], behind: bool = False) -> Callable[[], bytes]:
    """Return a function that makes another PNG with additional chunks."""

    def make() -> bytes:
        data = png()
        more = b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
        place = data.index(b"IEND") - 4 if behind else 33
        return data[:place] + more + data[place:]

    return make


def cut(form: str, share: float) -> Callable[[], bytes]:
    """Return a function that makes a truncated file."""
    return lambda: (data := stored(form, 1)())[: int(len(data) * share)]


def showing(make: Callable[[], bytes]) -> Callable[[Files], Files]:
    """Use this image as the sighted one, sealed with a stranger's key."""

    def lie(facts: dict[str, Any], files: Files) -> None:
        data = make()
        [sighting], [match] = facts["sightings"], facts["matches"]
        sighting["slice"] = None
        files.pop("data/sightings/01/slice.json")
        for visit in sighting["captures"]:  # the visit captured another image
            for file in visit["files"]:
                files.pop(file)
        sighting["captures"] = []
        files[FOUND] = data
        sighting["picture"].update(digest=Digest.of(data).hex, size=len(data), format=inspect(data).format)
        match["picture"] = Digest.of(data).hex

    return lambda files: sealed_lie(files, lie)


KINDS: dict[str, tuple[Callable[[], bytes], bool]] = {  # True if a browser displays the sighted image
    **{f"{form} of orientation {n}": (stored(form, n), True) for form in ("JPEG", "PNG") for n in TURNS},
    **{f"WEBP of orientation {n}": (stored("WEBP", n), n == 1) for n in TURNS},  # browsers ignore orientation in WebP
    "JPEG of an orientation in the other order": (stored("JPEG", 6, exif(6, order=">")), True),
    "JPEG of orientation 9": (stored("JPEG", 1, exif(9)), True),
    "JPEG of orientation 0": (stored("JPEG", 1, exif(0)), True),
    "JPEG of an orientation as a byte": (stored("JPEG", 1, exif(6, kind=1)), True),
    "JPEG of an EXIF block that breaks off": (stored("JPEG", 1, exif(6)[:20]), True),
    "JPEG stored turned without an orientation": (stored("JPEG", 6, b""), False),
    "PNG of a late orientation": (chunked((b"eXIf", exif(6)[6:]), behind=True), True),
    "WEBP stored turned without an orientation": (stored("WEBP", 6, b""), False),
    "APNG": (animated("PNG", "shown", "noise"), True),
    "APNG with noise first": (animated("PNG", "noise", "shown"), False),
    "APNG with its still picture apart": (animated("PNG", "shown", "noise", "noise", default_image=True), False),
    "APNG with noise as its still picture": (animated("PNG", "noise", "shown", "shown", default_image=True), True),
    "APNG of three frames with its still picture apart": (
        animated("PNG", "shown", "noise", "blank", "noise", default_image=True), False
    ),
    "APNG with words like a chunk's before its frames": (
        with_chunks(animated("PNG", "shown", "noise", "blank", "noise", default_image=True), (b"tEXt", b"a\0IDAT")),
        False,
    ),
    "APNG that begins blank": (animated("PNG", "blank", "shown"), True),
    "GIF": (animated("GIF", "shown", "noise", loop=0), True),
    "GIF that begins blank": (animated("GIF", "blank", "shown"), True),
    "GIF with noise first": (animated("GIF", "noise", "shown", loop=0), False),
    "animated WEBP": (animated("WEBP", "shown", "noise"), True),
    "animated WEBP that begins blank": (animated("WEBP", "blank", "shown"), True),
    "animated WEBP with noise first": (animated("WEBP", "noise", "shown"), False),
    "JPEG that breaks off": (cut("JPEG", 0.8), False),
    "PNG with colours of its own": (chunked((b"gAMA", struct.pack(">I", 100000))), True),
    "progressive JPEG": (stored("JPEG", 1, progressive=True), True),
    "BMP": (stored("BMP", 1), True),
    "PNG that only dark pages show": (let_through("PNG", "white"), True),
    "WEBP that only dark pages show": (let_through("WEBP", "white", lossless=True), True),
    "PNG that light pages show inverted": (let_through("PNG", "black"), False),
}  # fmt: skip
CASES: dict[str, Case] = {
    name: Case(written(showing(make))) if good else failing(written(showing(make)), "match:01")
    for name, (make, good) in KINDS.items()
}
SIDEWAYS = [f"WEBP of orientation {n}" for n in (5, 6, 7, 8)]
for name in ("JPEG stored turned without an orientation", "WEBP stored turned without an orientation", *SIDEWAYS):
    CASES[name] = failing(CASES[name].make, "match:01", "pictures")
