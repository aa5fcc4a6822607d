"""Odd files that browsers show: each is made on the spot, and compared with what Chromium shows of it."""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.assets.badfiles import photo, png, saved, with_orientation
from tests.assets.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SWAPPED,
    gamma_chunk,
    grey_profile,
    inks,
    lab,
    merged,
    png_with,
    primaries_chunk,
    rgb_profile,
    shuffle,
    srgb_curve,
    table_profile,
    undone,
)  # fmt: skip

MINUTE, CARD = 60_000, 20
"""Milliseconds for which the picture and a title card stand."""
_SIZE = (240, 160)


@dataclass(frozen=True, slots=True)
class OddPicture:
    """One file."""

    name: str
    kind: str  # its media type
    make: Callable[[], bytes]
    incomplete: bool = False  # whether it breaks off or is damaged
    frame: int | None = None  # of an animation: the number, as browsers count, of the frame that stands longest
    tolerance: float = 1.5  # mean difference to what Chromium shows, levels


def picture() -> Image.Image:
    """What most of them show."""
    return photo(*_SIZE)


def card(number: int = 0) -> Image.Image:
    """A title card, each another one."""
    made = Image.new("RGB", _SIZE, (30 + 5 * number % 200, 20, 90))
    ImageDraw.Draw(made).rectangle((20 + number, 30, 120 + number, 90), fill=(240, 230, 40))
    return made


def cut(data: bytes, share: float) -> bytes:
    """The first bytes of a file."""
    return data[: int(len(data) * share)]


def cut_in_tables(data: bytes, scan: int) -> bytes:
    """A JPEG that breaks off within the tables of codes before a scan."""
    place = 0
    for _ in range(scan):
        place = data.index(b"\xff\xda", place + 1)
    return data[: data.index(b"\xff\xc4", place) + 9]


def zeroed(data: bytes, share: float) -> bytes:
    """A file whose last bytes are zeros."""
    kept = len(data) - int(len(data) * share)
    return data[:kept] + bytes(len(data) - kept)


def animated(kind: str, cards: int, *, last: bool = True, **options: object) -> bytes:
    """Title cards of 20 ms before, or behind, a picture that stands a minute."""
    frames = [card(number) for number in range(cards)]
    frames.insert(cards if last else 0, picture())
    times = [CARD] * cards
    times.insert(cards if last else 0, MINUTE)
    first, *others = frames
    return saved(first, kind, save_all=True, append_images=others, duration=times, loop=0, **options)


def hidden_default(cards: int = 0) -> bytes:
    """An APNG whose still picture isn't part of the animation."""
    frames = [
        *(card(number) for number in range(1, cards + 1)),
        picture(),
        picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ]
    times = [*[CARD] * cards, MINUTE, CARD]
    made = {"save_all": True, "default_image": True, "append_images": frames, "duration": times, "loop": 0}
    return saved(card(), "PNG", **made)


def split_into_many() -> bytes:
    """A GIF of one title card and a picture that stands in thirty frames which differ by a speck."""
    frames = []
    for number in range(30):
        frames.append(picture())
        frames[-1].putpixel((number, 3), (255, 0, number))
    return saved(card(), "GIF", save_all=True, append_images=frames, duration=[200] + [40] * 30, loop=0)


def played(kind: str, times: list[int], plays: int, *, last: bool = False, **options: object) -> bytes:
    """The picture and a card, in this order or (``last``) the other, played so often as the format's word says."""
    first, second = (card(), picture()) if last else (picture(), card())
    return saved(first, kind, save_all=True, append_images=[second], duration=times, loop=plays, **options)


def with_frame_beyond_screen() -> bytes:
    """A GIF of a card and of a picture that goes on to the right of the screen, and below it."""
    larger = Image.new("RGB", (_SIZE[0] + 40, _SIZE[1] + 30), (200, 30, 30))
    larger.paste(picture())
    whole = saved(larger.quantize(256), "GIF")
    palette, place = whole[13 : 13 + 768], whole.index(b"\x2c", 13 + 768)
    frame = whole[place : place + 9] + bytes([whole[place + 9] | 0x87]) + palette + whole[place + 10 :]
    begin = saved(card(), "GIF", duration=CARD, loop=0)[:-1]
    return begin + b"\x21\xf9\x04\x04" + struct.pack("<H", MINUTE // 10) + b"\0\0" + frame


def again(data: bytes, kind: bytes, content: bytes | None = None) -> bytes:
    """A PNG with a chunk of this kind, or of its own once more, behind the one that it has."""
    place = data.index(kind) - 4
    end = place + 12 + int.from_bytes(data[place : place + 4])
    content = data[place + 8 : end - 4] if content is None else content
    return data[:end] + png((kind, content))[8:] + data[end:]


def with_box(data: bytes, kind: bytes, content: bytes) -> bytes:
    """An AVIF with a box behind its first one: all of its pixels begin at one place, and are told so."""
    box = struct.pack(">I4s", 8 + len(content), kind) + content
    pixels, size = data.index(b"mdat") + 4, int.from_bytes(data[:4])
    data = data.replace(struct.pack(">I", pixels), struct.pack(">I", pixels + len(box)))
    return data[:size] + box + data[size:]


def with_times_in_free_box() -> bytes:
    """An AVIF that says in a box that nobody reads how long its frames would stand."""
    words = b"mdhd" + bytes(12) + struct.pack(">II", 1000, 0) + b"stts" + bytes(4)
    return with_box(animated("AVIF", 1, quality=90), b"free", words + struct.pack(">5I", 2, 1, MINUTE, 1, CARD))


def with_edits(data: bytes, flags: int, length: int | None = None) -> bytes:
    """An AVIF whose track says otherwise whether its edits are repeated, and how long it is."""
    made = bytearray(data)
    made[made.index(b"elst") + 7] = flags
    if length is not None:
        struct.pack_into(">Q", made, made.index(b"tkhd") + 32, length)
    return bytes(made)


def with_fewer_times() -> bytes:
    """An AVIF of four frames whose track tells the times of two: the last holds for the others."""
    frames = [card(), picture(), picture(), picture()]
    data = saved(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=[500, 200, 300, 400], quality=90)
    place = data.index(b"stts") + 8
    return data[:place] + struct.pack(">5I", 2, 1, 500, 1, 300) + data[place + 20 :]


def alike_in_fields() -> tuple[Image.Image, Image.Image]:
    """Two pictures that are the same in the mean of each of 8 × 8 fields."""
    fields = np.indices((_SIZE[1], _SIZE[0])) // (_SIZE[1] // 8 // 2)
    stripes = np.asarray(picture()).astype(int) // 2 + 40, np.where(fields % 2 == 0, 24, -24)
    return tuple(Image.fromarray((stripes[0] + one[..., None]).astype(np.uint8)) for one in stripes[1])  # type: ignore[return-value]


def with_another_alike() -> bytes:
    """An APNG of a picture that stands a moment and one of the same fields, which stands in four frames."""
    shown, other = alike_in_fields()
    frames = [shown.copy() for _ in range(4)]
    for number, frame in enumerate(frames):
        frame.putpixel((number, 0), (255, 0, number))
    return saved(other, "PNG", save_all=True, append_images=frames, duration=[CARD, *[2500] * 4], loop=0)


def icon(*pictures: tuple[int, int, Image.Image]) -> bytes:
    """An icon of pictures, each with the bits and the number of colours that its directory tells."""
    head, body = struct.pack("<HHH", 0, 1, len(pictures)), b""
    for bits, colours, shown in pictures:
        data, place = saved(shown, "PNG"), 6 + 16 * len(pictures) + len(body)
        head += struct.pack("<4BHHII", *(side % 256 for side in shown.size), colours, 0, 1, bits, len(data), place)
        body += data
    return head + body


def adam7(*, palette: bool = False) -> bytes:
    """An interlaced PNG (PNG, third edition, 8): Pillow writes none."""
    shown = picture().quantize(64) if palette else picture()
    pixels = np.asarray(shown)
    raw = b""
    for top, left, down, across in (
        (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1),
    ):  # fmt: skip
        raw += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across])
    header = b"IHDR", struct.pack(">IIBBBBB", *_SIZE, 8, 3 if palette else 2, 0, 0, 1)
    colours = [(b"PLTE", bytes(shown.getpalette() or b"")[: 64 * 3])] if palette else []
    return png(header, *colours, (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b""))


def keyed(depth: int, colour: int, key: tuple[int, ...]) -> bytes:
    """A PNG of this depth and colour type (0 grey, 2 RGB) with a transparent colour."""
    grey = np.asarray(picture().convert("L")).astype(np.uint32)
    values = grey * 257 if depth == 16 else grey >> (8 - depth)
    values[20:90, 30:130] = key[0]
    if colour == 2:
        values = np.stack([values, values.max() - values, values // 2], axis=-1)
        values[20:90, 30:130] = key
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in values]
    elif depth == 8:
        rows = [row.astype(np.uint8).tobytes() for row in values]
    else:
        bits = np.unpackbits(values.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        rows = [np.packbits(row.ravel()).tobytes() for row in bits]
    header = b"IHDR", struct.pack(">IIBBBBB", *_SIZE, depth, colour, 0, 0, 0)
    transparent = b"tRNS", struct.pack(f">{len(key)}H", *key)
    return png(header, transparent, (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), (b"IEND", b""))


def bitmap(bits: int, *, down: bool = False, alpha: bool = False) -> bytes:
    """A BMP of 16 (5-6-5), 24 or 32 bits a pixel, bottom-up or top-down, with or without an alpha mask."""
    width, height = _SIZE
    red, green, blue = (np.asarray(picture())[..., channel].astype(np.uint32) for channel in range(3))
    masks = (0xF800, 0x07E0, 0x001F, 0) if bits == 16 else (0xFF0000, 0xFF00, 0xFF, 0xFF000000 if alpha else 0)
    if bits == 16:
        pixels = ((red >> 3) << 11 | (green >> 2) << 5 | blue >> 3).astype("<u2").view(np.uint8)
    else:
        opaque = np.linspace(0, 255, width).astype(np.uint32)[None, :] * np.ones((height, 1), np.uint32)
        pixels = (opaque << 24 | red << 16 | green << 8 | blue).astype("<u4").view(np.uint8)
    pixels = pixels.reshape(height, width, -1)[..., : bits // 8]
    pixels = pixels if down else pixels[::-1]
    masked = bits != 24
    header = struct.pack(
        "<IiiHHIIiiII4I", 108, width, -height if down else height, 1, bits, 3 if masked else 0, pixels.size, 2835, 2835,
        0, 0, *masks,
    )  # fmt: skip
    header += b"BGRs" + bytes(108 - len(header) - 4)
    return struct.pack("<2sIHHI", b"BM", 122 + pixels.size, 0, 0, 122) + header + pixels.tobytes()


def small_first_frame() -> bytes:
    """A GIF whose one frame covers a part of its screen."""
    data = bytearray(saved(picture().quantize(64), "GIF"))
    data[6:10] = struct.pack("<HH", _SIZE[0] + 40, _SIZE[1] + 30)
    place = data.index(b"\x2c", 13 + 3 * 64)
    data[place + 1 : place + 5] = struct.pack("<HH", 25, 10)
    return bytes(data)


def _translucent(mode: str) -> Image.Image:
    made = picture().convert("L" if mode == "LA" else "RGB")
    made.putalpha(Image.linear_gradient("L").resize(_SIZE))
    return made


def _clear_colours() -> bytes:
    """A PNG with a palette some of whose entries are clear or half clear."""
    return saved(picture().quantize(64), "PNG", transparency=bytes(range(0, 256, 4)))


def _icon() -> bytes:
    """An icon of three sizes that show different pictures: the largest is shown."""
    small, middle = card(1).resize((16, 16)), card(2).resize((48, 48))
    sizes = [(16, 16), (48, 48), (128, 128)]
    return saved(picture().resize((128, 128)), "ICO", sizes=sizes, append_images=[small, middle])


def _turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture(), kind, exif=exif, lossless=True)


def _turned_twice(first: int, second: int) -> bytes:
    told = Image.Exif()
    told[0x0112] = second
    return again(_turned("PNG", first), b"eXIf", told.tobytes().removeprefix(b"Exif\0\0"))


def _broken(name: str, kind: str, whole: Callable[[], bytes], **how: float) -> Iterator[OddPicture]:
    for label, share in how.items():
        change = zeroed if label.startswith("zero") else cut
        make = partial(lambda change, whole, share: change(whole(), share), change, whole, share)
        yield OddPicture(f"{name}-{label}", kind, make, incomplete=True)


def _stills() -> Iterator[OddPicture]:
    plain = partial(saved, picture(), "JPEG", quality=90)
    fine = partial(saved, picture(), "JPEG", quality=90, progressive=True)
    grey = partial(saved, picture().convert("L"), "JPEG", quality=90, progressive=True)
    inks = partial(saved, picture().convert("CMYK"), "JPEG", quality=90)
    fine_inks = partial(saved, picture().convert("CMYK"), "JPEG", quality=90, progressive=True)
    jpeg, of_png, gif, bmp = "image/jpeg", "image/png", "image/gif", "image/bmp"
    yield from _broken("baseline", jpeg, plain, cut90=0.9, cut60=0.6, cut30=0.3, zeros=0.2)
    yield from _broken("progressive", jpeg, fine, cut95=0.95, cut60=0.6, cut40=0.4, zeros=0.2)
    yield OddPicture("progressive-without-end", jpeg, lambda: fine()[:-2], incomplete=True)
    yield OddPicture("progressive-without-tail", jpeg, lambda: fine()[:-100], incomplete=True)
    for scan in (2, 4, 8):
        within = partial(lambda scan: cut_in_tables(fine(), scan), scan)
        yield OddPicture(f"progressive-cut-before-scan-{scan}", jpeg, within, incomplete=True)
    yield from _broken("progressive-grey", jpeg, grey, cut60=0.6)
    yield from _broken("progressive-inks", jpeg, fine_inks, cut60=0.6)
    yield OddPicture("inks", jpeg, inks)
    for orientation in (2, 3, 5, 6, 8):
        yield OddPicture(f"turned-{orientation}", jpeg, partial(with_orientation, picture(), orientation))
    yield OddPicture("turned-png", of_png, partial(_turned, "PNG", 6))
    yield OddPicture("turned-png-twice", of_png, partial(_turned_twice, 6, 1))
    yield OddPicture("turned-png-second", of_png, partial(_turned_twice, 1, 6))
    for orientation in (3, 6):
        yield OddPicture(f"turned-webp-{orientation}", "image/webp", partial(_turned, "WEBP", orientation))
        yield OddPicture(f"turned-avif-{orientation}", "image/avif", partial(_turned, "AVIF", orientation), tolerance=3)
    yield from _broken("png", of_png, partial(saved, picture(), "PNG"), cut99=0.99, cut60=0.6, cut20=0.2)
    yield from _broken("png-grey", of_png, partial(saved, picture().convert("L"), "PNG"), cut60=0.6)
    yield from _broken("png-palette", of_png, partial(saved, picture().quantize(64), "PNG"), cut60=0.6)
    yield from _broken("png-alpha", of_png, partial(saved, _translucent("RGBA"), "PNG"), cut60=0.6)
    yield from _broken("png-interlaced", of_png, adam7, cut80=0.8, cut30=0.3)
    yield from _broken("png-interlaced-palette", of_png, partial(adam7, palette=True), cut60=0.6)
    yield OddPicture("interlaced", of_png, adam7)
    yield OddPicture("grey-16-key", of_png, partial(keyed, 16, 0, (0,)))
    yield OddPicture("grey-16-key-above", of_png, partial(keyed, 16, 0, (0x1234,)))
    yield OddPicture("rgb-16-key", of_png, partial(keyed, 16, 2, (0x0102, 0x0304, 0x0506)))
    yield OddPicture("rgb-8-key", of_png, partial(keyed, 8, 2, (1, 2, 3)))
    for depth in (1, 2, 4, 8):
        yield OddPicture(f"grey-{depth}-key", of_png, partial(keyed, depth, 0, (1,)))
    yield OddPicture("palette-clear", of_png, _clear_colours)
    yield OddPicture("translucent", of_png, partial(saved, _translucent("RGBA"), "PNG"))
    yield OddPicture("translucent-grey", of_png, partial(saved, _translucent("LA"), "PNG"))
    yield OddPicture("translucent-webp", "image/webp", partial(saved, _translucent("RGBA"), "WEBP", lossless=True))
    yield OddPicture(
        "translucent-avif", "image/avif", partial(saved, _translucent("RGBA"), "AVIF", quality=95), tolerance=3
    )
    yield from _broken("gif", gif, partial(saved, picture().quantize(64), "GIF", interlace=0), cut60=0.6, cut30=0.3)
    yield from _broken("gif-interlaced", gif, partial(saved, picture().quantize(64), "GIF", interlace=1), cut60=0.6)
    yield OddPicture("gif-clear", gif, partial(saved, picture().quantize(8), "GIF", transparency=3))
    yield OddPicture("gif-small-frame", gif, small_first_frame)
    yield from _broken("bmp", bmp, partial(bitmap, 24), cut60=0.6)
    yield from _broken("bmp-top-down", bmp, partial(bitmap, 24, down=True), cut60=0.6)
    for bits in (16, 24, 32):
        yield OddPicture(f"bmp-{bits}", bmp, partial(bitmap, bits))
        yield OddPicture(f"bmp-{bits}-top-down", bmp, partial(bitmap, bits, down=True))
    yield OddPicture("bmp-alpha", bmp, partial(bitmap, 32, alpha=True))
    yield OddPicture("icon", "image/x-icon", _icon)
    yield from _icons()


def _icons() -> Iterator[OddPicture]:
    square, other = picture().resize((64, 64)), card().resize((64, 64))
    icons = {
        "8-and-32": ((8, 0, other), (32, 0, square)),
        "32-and-24": ((32, 0, square), (24, 0, other)),
        "0-and-32": ((0, 0, other), (32, 0, square)),
        "4-and-0-of-256": ((4, 0, other), (0, 0, square)),
        "4-and-0-of-4": ((0, 4, other), (4, 0, square)),
        "of-same-bits": ((32, 0, square), (32, 0, other)),
        "small-with-more": ((32, 0, other.resize((32, 32))), (8, 0, square)),
    }
    for name, pictures in icons.items():
        yield OddPicture(f"icon-{name}", "image/x-icon", partial(icon, *pictures))


def _animations() -> Iterator[OddPicture]:
    for kind in ("GIF", "PNG", "WEBP", "AVIF"):
        how = {"lossless": True} if kind == "WEBP" else {"quality": 90} if kind == "AVIF" else {}
        loose = 3.0 if kind == "AVIF" else 1.5
        name, media = kind.lower(), f"image/{kind.lower()}"
        for cards in (1, 5):
            make = partial(animated, kind, cards, **how)
            yield OddPicture(f"{name}-{cards}-cards", media, make, frame=cards, tolerance=loose)
        make = partial(animated, kind, 3, last=False, **how)
        yield OddPicture(f"{name}-cards-behind", media, make, frame=0, tolerance=loose)
    yield OddPicture("gif-40-cards", "image/gif", partial(animated, "GIF", 40), frame=40)
    yield OddPicture("apng-hidden", "image/png", hidden_default, frame=0)
    yield OddPicture("apng-hidden-5-cards", "image/png", partial(hidden_default, 5), frame=5)
    yield OddPicture("gif-split", "image/gif", split_into_many, frame=1)
    for kind, plays in (("GIF", 65_535), ("PNG", 2**31 - 1), ("WEBP", 65_535)):
        how = {"lossless": True} if kind == "WEBP" else {}
        media = f"image/{kind.lower()}"
        yield OddPicture(f"{kind.lower()}-loops", media, partial(played, kind, [5000, CARD], plays, **how), frame=0)
        make = partial(played, kind, [5000, CARD], 2, last=True, **how)
        yield OddPicture(f"{kind.lower()}-ends", media, make, frame=1)
    yield OddPicture(
        "webp-anim-behind",
        "image/webp",
        lambda: played("WEBP", [5000, CARD], 0, lossless=True) + b"ANIM" + struct.pack("<IIH", 6, 0, 1),
        frame=0,
    )
    yield OddPicture("avif-times-in-free-box", "image/avif", with_times_in_free_box, frame=1, tolerance=3)
    once = partial(lambda: with_edits(played("AVIF", [2000, CARD], 0, last=True, quality=90), 0))
    yield OddPicture("avif-plays-once", "image/avif", once, frame=1, tolerance=3)
    yield OddPicture("avif-fewer-times", "image/avif", with_fewer_times, frame=1, tolerance=3)
    yield OddPicture("apng-told-twice", "image/png", lambda: again(hidden_default(), b"acTL"), frame=0)
    yield OddPicture("gif-beyond-screen", "image/gif", with_frame_beyond_screen, frame=1)
    for kind in ("GIF", "PNG"):
        behind = partial(lambda kind: animated(kind, 3, last=False)[:-60], kind)
        yield OddPicture(f"{kind.lower()}-cut-behind", f"image/{kind.lower()}", behind, incomplete=True, frame=0)


def _made_profiles() -> dict[str, bytes]:
    """Profiles that change what is seen, and such as are passed over."""
    whole = rgb_profile(srgb_curve(), DISPLAY_P3)
    return {
        "p3": whole,
        "adobe-rgb": rgb_profile(563 / 256, ADOBE_RGB),
        "of-version-4": rgb_profile(srgb_curve(), DISPLAY_P3, 4),
        "linear": rgb_profile(1.0),
        "gamma-1.8": rgb_profile(1.8),
        "swapped": rgb_profile(srgb_curve(), SWAPPED),
        "same": rgb_profile(srgb_curve()),
        "table": table_profile(b"RGB ", lab, 17),
        "table-negative": table_profile(b"RGB ", lambda levels: lab(1 - levels), 17),
        "table-before-matrix": merged(table_profile(b"RGB ", lambda levels: lab(1 - levels), 17), whole),
        "later-tables": merged(whole, table_profile(b"RGB ", lambda levels: lab(1 - levels), 9), b"D2B0", b"B2A0"),
        "two-tables": merged(
            table_profile(b"RGB ", lab, 9), table_profile(b"RGB ", lambda levels: lab(1 - levels), 9), b"A2B1"
        ),
        "of-grey": grey_profile(1.0),
        "of-inks": table_profile(b"CMYK", inks, 5),
        "cut": whole[:300],
        "of-version-5": whole[:8] + b"\5" + whole[9:],
        "another-light": whole[:68] + bytes(12) + whole[80:],
        "of-a-link": whole[:12] + b"link" + whole[16:],
        "longer-than-said": whole + b"more",
        "shorter-than-said": struct.pack(">I", len(whole) + 9) + whole[4:],
        "words": b"no profile at all" * 20,
    }


PROFILES = _made_profiles()


def shuffled(mode: str = "RGB") -> tuple[Image.Image, bytes]:
    """The picture in levels that have changed places, and a profile by which it looks as it did."""
    stored = shuffle()
    made = grey_profile(undone(stored)) if mode == "L" else rgb_profile(undone(stored))
    return Image.fromarray(stored[np.asarray(picture().convert(mode))]), made


def with_profile_in_bitmap(pixels: Image.Image, profile: bytes) -> bytes:
    """A BMP of 24 bits with a profile (``BITMAPV5HEADER``)."""
    raw = np.ascontiguousarray(np.asarray(pixels)[::-1, :, ::-1]).tobytes()
    header = struct.pack("<IiiHHIIiiII", 124, *pixels.size, 1, 24, 0, len(raw), 2835, 2835, 0, 0)
    header += bytes(16) + b"DEBM" + bytes(36 + 12) + struct.pack("<4I", 4, 124 + len(raw), len(profile), 0)
    return struct.pack("<2sIHHI", b"BM", 138 + len(raw) + len(profile), 0, 0, 138) + header + raw + profile


def _coloured() -> Iterator[OddPicture]:
    jpeg, of_png = "image/jpeg", "image/png"
    for name, profile in PROFILES.items():
        loose = 2.0 if "table" in name else 1.5
        make = partial(saved, picture(), "JPEG", quality=95, icc_profile=profile)
        yield OddPicture(f"profile-{name}", jpeg, make, tolerance=loose)
        yield OddPicture(
            f"png-profile-{name}", of_png, partial(saved, picture(), "PNG", icc_profile=profile), tolerance=loose
        )
    stored, profile = shuffled()
    for kind, how in (
        ("JPEG", {"quality": 98, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
    ):
        make = partial(saved, stored, kind, icc_profile=profile, **how)
        yield OddPicture(f"shuffled-{kind.lower()}", f"image/{kind.lower()}", make)
    clear = stored.copy()
    clear.putalpha(Image.linear_gradient("L").resize(_SIZE))
    yield OddPicture("shuffled-translucent", of_png, partial(saved, clear, "PNG", icc_profile=profile))
    yield OddPicture("shuffled-palette", of_png, partial(saved, stored.quantize(200), "PNG", icc_profile=profile))
    yield OddPicture("shuffled-bmp", "image/bmp", partial(with_profile_in_bitmap, stored, profile))
    yield OddPicture("shuffled-gif", "image/gif", partial(saved, stored.quantize(200), "GIF", icc_profile=profile))
    grey, of_grey = shuffled("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    yield OddPicture("shuffled-grey", jpeg, partial(saved, grey, "JPEG", quality=98, icc_profile=of_grey))
    yield OddPicture("shuffled-grey-of-colours", jpeg, partial(saved, grey, "JPEG", quality=98, icc_profile=profile))
    yield OddPicture("shuffled-grey-16", of_png, partial(saved, wide, "PNG", icc_profile=of_grey))
    yield OddPicture("grey-16-gamma", of_png, lambda: png_with(saved(wide, "PNG"), gamma_chunk(1.0)))
    printed = picture().convert("CMYK")
    of_inks = partial(saved, printed, "JPEG", quality=95, icc_profile=table_profile(b"CMYK", inks, 9))
    yield OddPicture("inks-profile", jpeg, of_inks)
    of_colours = partial(saved, printed, "JPEG", quality=95, icc_profile=rgb_profile(1.0))
    yield OddPicture("inks-of-colours", jpeg, of_colours)
    primaries = {
        "srgb": (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
        "p3": (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
        "swapped": (0.3127, 0.329, 0.15, 0.06, 0.64, 0.33, 0.3, 0.6),
        "narrow": (0.3127, 0.329, 0.6, 0.3, 0.15, 0.06, 0.64, 0.33),
    }
    for gamma in (0.001, 0.2, 0.43, 0.44, 0.45455, 0.47, 0.48, 1.0, 10.0):
        yield OddPicture(f"gamma-{gamma}", of_png, partial(_told, gamma_chunk(gamma)))
    for name, xy in primaries.items():
        yield OddPicture(f"primaries-{name}-alone", of_png, partial(_told, primaries_chunk(*xy)))
        for gamma in (0.45455, 1.0):
            make = partial(_told, gamma_chunk(gamma), primaries_chunk(*xy))
            yield OddPicture(f"primaries-{name}-gamma-{gamma}", of_png, make)
    yield OddPicture("gamma-beside-srgb", of_png, partial(_told, (b"sRGB", b"\0"), gamma_chunk(1.0)))
    adobe = rgb_profile(563 / 256, ADOBE_RGB)
    beside = {"srgb": (b"sRGB", b"\0"), "gamma": gamma_chunk(1.0)}
    for name, chunk in beside.items():
        make = partial(lambda chunk: png_with(saved(picture(), "PNG", icc_profile=adobe), chunk), chunk)
        yield OddPicture(f"profile-beside-{name}", of_png, make)
    yield OddPicture(
        "gamma-beside-words",
        of_png,
        lambda: png_with(saved(picture(), "PNG", icc_profile=b"words" * 40), gamma_chunk(1.0)),
    )


def _told(*chunks: tuple[bytes, bytes]) -> bytes:
    return png_with(saved(picture(), "PNG"), *chunks)


def _swapped_chunks(data: bytes, first: bytes, second: bytes) -> bytes:
    begin, middle = data.index(first) - 4, data.index(second) - 4
    end = middle + 12 + int.from_bytes(data[middle : middle + 4])
    return data[:begin] + data[middle:end] + data[begin:middle] + data[end:]


def _told_frames(number: int) -> bytes:
    """An APNG of four frames behind a still picture that says it has so many."""
    data = hidden_default(2)
    place = data.index(b"acTL") - 4
    return data[:place] + png((b"acTL", struct.pack(">II", number, 0)))[8:] + data[place + 20 :]


def looped(*blocks: bytes, behind: bool = False) -> bytes:
    """A GIF of two frames with these extensions before the first, or before the second."""
    data = played("GIF", [5000, CARD], 0)
    at = data.index(b"\x21\xff\x0bNETSCAPE2.0")
    data = data[:at] + data[at + 19 :]
    place = data.index(b"\x21\xf9\x04", data.index(b"\x21\xf9\x04") + 1) if behind else data.index(b"\x21\xf9\x04")
    return data[:place] + b"".join(b"\x21\xff\x0b" + block + b"\0" for block in blocks) + data[place:]


def _told_again_in_webp() -> bytes:
    data = played("WEBP", [5000, CARD], 0)
    place, word = data.index(b"ANMF"), b"ANIM" + struct.pack("<IIH", 6, 0, 1)
    return data[:4] + struct.pack("<I", len(data) - 8 + len(word)) + data[8:place] + word + data[place:]


def _odd_times() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    for kind in ("GIF", "PNG", "WEBP"):
        for plays in (0, 1, 5, 30):
            yield f"{kind.lower()}-plays-{plays}", kind, partial(played, kind, [5000, CARD], plays)
    once, for_ever = (b"NETSCAPE2.0\3\1" + struct.pack("<H", number) for number in (1, 0))
    yield "gif-no-word", "GIF", looped
    yield "gif-two-words", "GIF", partial(looped, once, for_ever)
    yield "gif-two-words-turned", "GIF", partial(looped, for_ever, once)
    yield "gif-word-behind", "GIF", partial(looped, for_ever, behind=True)
    yield "gif-other-word", "GIF", partial(looped, b"ANIMEXTS1.0\3\1\1\0")
    yield "gif-buffered", "GIF", partial(looped, b"NETSCAPE2.0\5\2\0\0\0\0")
    yield "gif-buffered-for-ever", "GIF", partial(looped, for_ever, b"NETSCAPE2.0\5\2\0\0\0\0")
    for number in (0, 2, 9, 0x80000000, 0x80000001):
        yield f"png-of-{number}", "PNG", partial(_told_frames, number)
    yield "png-told-twice", "PNG", lambda: again(hidden_default(2), b"acTL", struct.pack(">II", 2, 1))
    yield "png-told-behind-a-frame", "PNG", lambda: _swapped_chunks(animated("PNG", 2), b"acTL", b"fcTL")
    yield "webp-told-twice", "WEBP", _told_again_in_webp
    yield "avif", "AVIF", partial(animated, "AVIF", 2)
    yield "avif-fewer-times", "AVIF", with_fewer_times
    yield "avif-times-in-free-box", "AVIF", with_times_in_free_box
    for name, flags, length in (("once", 0, None), ("three-times", 1, 3 * 2020 - 5), ("long", 1, 31 * 2020)):
        make = partial(lambda *how: with_edits(played("AVIF", [2000, CARD], 0), *how), flags, length)
        yield f"avif-{name}", "AVIF", make
    yield "avif-no-word", "AVIF", lambda: played("AVIF", [2000, CARD], 0).replace(b"edts", b"free")


ODD_TIMES = tuple(_odd_times())
"""Animations whose times, and how often they play, are held against Chromium's: name, format, how it is made."""

ODD_PICTURES = (*_stills(), *_animations(), *_coloured())


def tiff(values: NDArray[np.generic], *, photometric: int = 1, **tags: int) -> bytes:
    """An uncompressed TIFF of one strip (TIFF 6.0), grey or of three channels, in the byte order of the machine."""
    return b"II*\0" + struct.pack("<I", 8) + _directory(values, photometric, 8, 0, **tags)


def tiff_pages(*pages: tuple[NDArray[np.generic], dict[str, int]]) -> bytes:
    """A TIFF of several grey pages, each with tags of its own."""
    made, place = b"II*\0" + struct.pack("<I", 8), 8
    for number, (values, tags) in enumerate(pages):
        page = _directory(values, 1, place, 0, **tags)
        after = 0 if number == len(pages) - 1 else place + len(page)
        page = _directory(values, 1, place, after, **tags)
        made, place = made + page, place + len(page)
    return made


def tiff_in_tiff(outer: NDArray[np.generic], inner: NDArray[np.generic], *, photometric: int = 1, **tags: int) -> bytes:
    """A TIFF whose page names another picture as a part of itself (SubIFD); the tags are the page's."""
    place = 8 + len(_directory(outer, 1, 8, 0, sub_directory=0, **tags))
    page = _directory(outer, 1, 8, 0, sub_directory=place, **tags)
    return b"II*\0" + struct.pack("<I", 8) + page + _directory(inner, photometric, place, 0)


_TAGS = {"subfile": 254, "old_subfile": 255, "largest": 281, "sub_directory": 330, "dng_version": 50706}


def _directory(values: NDArray[np.generic], photometric: int, place: int, after: int, **tags: int) -> bytes:
    kinds = {"u": 1, "i": 2, "f": 3}
    height, width = values.shape[:2]
    bits = values.dtype.itemsize * 8
    channels = 1 if values.ndim == 2 else values.shape[2]
    fields = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: channels, 278: height}
    fields |= {279: values.nbytes, 339: kinds[values.dtype.kind]} | {_TAGS[name]: one for name, one in tags.items()}
    start = place + 2 + 12 * len(fields) + 4
    extra = b""
    if channels > 1:
        extra = struct.pack(f"<{channels}H", *[bits] * channels)
        fields[258] = start
    fields[273] = start + len(extra)
    entries = b""
    for tag, value in sorted(fields.items()):
        kind, count = (3, channels) if tag == 258 and channels > 1 else (4, 1)
        entries += struct.pack("<HHII", tag, kind, count, value)
    raw = extra + values.astype(values.dtype.newbyteorder("<")).tobytes()
    return struct.pack("<H", len(fields)) + entries + struct.pack("<I", after) + raw + b"\0" * (len(raw) % 2)


def _raw(*, photometric: int = 32803, **tags: int) -> bytes:
    """A preview that names sensor data beside it, as most cameras write them."""
    grey = np.asarray(photo().convert("L"))
    return tiff_in_tiff(np.ascontiguousarray(grey[::4, ::4]), grey, photometric=photometric, subfile=1, **tags)


RAW_PHOTOGRAPHS: dict[str, Callable[[], bytes]] = {
    "NEF": _raw,
    "linear DNG": partial(_raw, photometric=34892),
    "DNG by its version": partial(_raw, photometric=1, dng_version=0x0401),
    "PEF": lambda: tiff(np.asarray(photo().convert("L")), photometric=32803),
    "CR2": lambda: _moved(tiff(np.asarray(photo().convert("L"))), b"CR\x02\0\0\0\0\0"),
    "CR3": lambda: b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "RAF": lambda: b"FUJIFILMCCD-RAW 0201FF129502" + bytes(100),
    "ORF": lambda: b"IIRO\x08\0\0\0" + bytes(100),
    "RW2": lambda: b"IIU\0\x18\0\0\0" + bytes(100),
}
"""Files that hold what a sensor saw, by the kind of file."""


def _moved(data: bytes, between: bytes) -> bytes:
    """A TIFF with something between its header and its directory."""
    (count,) = struct.unpack_from("<H", data, 8)
    moved = bytearray(data[:4] + struct.pack("<I", 8 + len(between)) + between + data[8:])
    for place in range(10 + len(between), 10 + len(between) + 12 * count, 12):
        tag, value = struct.unpack_from("<H6xI", moved, place)
        if tag == 273:  # where its pixels begin
            struct.pack_into("<I", moved, place + 8, value + len(between))
    return bytes(moved)
