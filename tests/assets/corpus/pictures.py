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
from tests.assets.bundle_changes import Files
from tests.assets.corpus import Case, base, failing_case, pack_after
from tests.assets.resealing import seal_lie

FOUND_PATH = "data/sightings/01/image.jpg"
TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""Transposition with which to store an image so that the orientation reverses it."""


@cache
def found_picture() -> Image.Image:
    """Return the sighted image."""
    return Image.open(io.BytesIO(base()[FOUND_PATH])).convert("RGB")


def build_exif(value: int, *, kind: int = 3, order: str = "<") -> bytes:
    """Return an EXIF block with an orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    size = {3: "H2x", 1: "B3x"}[kind]
    body = struct.pack(f"{order}IHHHI{size}I", 8, 1, 0x0112, kind, 1, value, 0)
    return b"Exif\0\0" + mark + body


def store_transposed(form: str, orientation: int, block: bytes | None = None, **options: Any) -> Callable[[], bytes]:  # noqa: ANN401
    """Return a function that stores the sighted image transposed, with an orientation that reverses it."""

    def make() -> bytes:
        turn = TURNS[orientation]
        picture = found_picture() if turn is None else found_picture().transpose(turn)
        out = io.BytesIO()
        quality = {"quality": 95} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
        picture.save(out, form, exif=build_exif(orientation) if block is None else block, **quality, **options)
        return out.getvalue()

    return make


def animate(form: str, *frames: str, **options: Any) -> Callable[[], bytes]:  # noqa: ANN401
    """Return a function that animates frames, each ``found_picture``, ``blank`` or ``noise``."""

    def make() -> bytes:
        noise = np.random.default_rng(7).integers(0, 255, (found_picture().height, found_picture().width, 3), np.uint8)
        kinds = {
            "shown": found_picture(),
            "blank": Image.new("RGB", found_picture().size, "white"),
            "noise": Image.fromarray(noise),
        }
        first, *rest = [kinds[frame].copy() for frame in frames]
        out = io.BytesIO()
        quality = {"lossless": True} if form == "WEBP" else {}
        first.save(out, form, save_all=True, append_images=rest, duration=100, **quality, **options)
        return out.getvalue()

    return make


def vary_transparency(form: str, colour: str, **options: Any) -> Callable[[], bytes]:  # noqa: ANN401
    """Return a function that makes an image of one colour, more transparent where the sighted image is darker."""

    def make() -> bytes:
        picture = Image.new("RGB", found_picture().size, colour)
        picture.putalpha(found_picture().convert("L"))
        out = io.BytesIO()
        picture.save(out, form, **options)
        return out.getvalue()

    return make


def add_chunks(*chunks: tuple[bytes, bytes], behind: bool = False) -> Callable[[], bytes]:
    """Return a function that makes a PNG with additional chunks after its header, or after its pixels."""
    return with_chunks(store_transposed("PNG", 1, b""), *chunks, behind=behind)


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


def truncate(form: str, share: float) -> Callable[[], bytes]:
    """Return a function that makes a truncated file."""
    return lambda: (data := store_transposed(form, 1)())[: int(len(data) * share)]


def use_as_found_picture(make: Callable[[], bytes]) -> Callable[[Files], Files]:
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
        files[FOUND_PATH] = data
        sighting["picture"].update(digest=Digest.from_bytes(data).hex, size=len(data), format=inspect(data).format)
        match["picture"] = Digest.from_bytes(data).hex

    return lambda files: seal_lie(files, lie)


KINDS: dict[str, tuple[Callable[[], bytes], bool]] = {  # True if a browser displays the sighted image
    **{f"{form} of orientation {n}": (store_transposed(form, n), True) for form in ("JPEG", "PNG") for n in TURNS},
    # browsers ignore orientation in WebP
    **{f"WEBP of orientation {n}": (store_transposed("WEBP", n), n == 1) for n in TURNS},
    "JPEG of an orientation in the other order": (store_transposed("JPEG", 6, build_exif(6, order=">")), True),
    "JPEG of orientation 9": (store_transposed("JPEG", 1, build_exif(9)), True),
    "JPEG of orientation 0": (store_transposed("JPEG", 1, build_exif(0)), True),
    "JPEG of an orientation as a byte": (store_transposed("JPEG", 1, build_exif(6, kind=1)), True),
    "JPEG of an EXIF block that breaks off": (store_transposed("JPEG", 1, build_exif(6)[:20]), True),
    "JPEG stored turned without an orientation": (store_transposed("JPEG", 6, b""), False),
    "PNG of a late orientation": (add_chunks((b"eXIf", build_exif(6)[6:]), behind=True), True),
    "WEBP stored turned without an orientation": (store_transposed("WEBP", 6, b""), False),
    "APNG": (animate("PNG", "shown", "noise"), True),
    "APNG with noise first": (animate("PNG", "noise", "shown"), False),
    "APNG with its still picture apart": (animate("PNG", "shown", "noise", "noise", default_image=True), False),
    "APNG with noise as its still picture": (animate("PNG", "noise", "shown", "shown", default_image=True), True),
    "APNG of three frames with its still picture apart": (
        animate("PNG", "shown", "noise", "blank", "noise", default_image=True), False
    ),
    "APNG with words like a chunk's before its frames": (
        with_chunks(animate("PNG", "shown", "noise", "blank", "noise", default_image=True), (b"tEXt", b"a\0IDAT")),
        False,
    ),
    "APNG that begins blank": (animate("PNG", "blank", "shown"), True),
    "GIF": (animate("GIF", "shown", "noise", loop=0), True),
    "GIF that begins blank": (animate("GIF", "blank", "shown"), True),
    "GIF with noise first": (animate("GIF", "noise", "shown", loop=0), False),
    "animated WEBP": (animate("WEBP", "shown", "noise"), True),
    "animated WEBP that begins blank": (animate("WEBP", "blank", "shown"), True),
    "animated WEBP with noise first": (animate("WEBP", "noise", "shown"), False),
    "JPEG that breaks off": (truncate("JPEG", 0.8), False),
    "PNG with colours of its own": (add_chunks((b"gAMA", struct.pack(">I", 100000))), True),
    "progressive JPEG": (store_transposed("JPEG", 1, progressive=True), True),
    "BMP": (store_transposed("BMP", 1), True),
    "PNG that only dark pages show": (vary_transparency("PNG", "white"), True),
    "WEBP that only dark pages show": (vary_transparency("WEBP", "white", lossless=True), True),
    "PNG that light pages show inverted": (vary_transparency("PNG", "black"), False),
}  # fmt: skip
CASES: dict[str, Case] = {
    name: Case(pack_after(use_as_found_picture(make)))
    if good
    else failing_case(pack_after(use_as_found_picture(make)), "match:01")
    for name, (make, good) in KINDS.items()
}
SIDEWAYS = [f"WEBP of orientation {n}" for n in (5, 6, 7, 8)]
for name in ("JPEG stored turned without an orientation", "WEBP stored turned without an orientation", *SIDEWAYS):
    CASES[name] = failing_case(CASES[name].make, "match:01", "pictures")
