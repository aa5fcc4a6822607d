"""Pictures as the web brings them: mostly strangers, a third of them thumbnails and icons, here and there a copy."""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from bench.edited import opened
from indexer.edits import EDITS, apply

LARGE = (1632, 1224)
"""Two megapixels."""
COPIES = 20
"""Every twentieth picture is a copy."""
SMALL = 3
"""Every third one is a thumbnail or an icon."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture of the mix."""

    kind: str
    data: bytes


def mix(works: Sequence[Path], unrelated: Sequence[Path], count: int, seed: int) -> Iterator[Sample]:
    """So many pictures: 95% unrelated, two thirds of 2 megapixels, a third thumbnails and icons.

    Photos that are smaller are enlarged, with a little grain as a sensor leaves it.

    Args:
        works: of which the copies are made.
        unrelated: of which everything else is made.
        count: how many.
        seed: of everything that is left to chance.
    """
    chance = random.Random(seed)
    edits = list(EDITS)
    for number in range(count):
        path = unrelated[number % len(unrelated)]
        if number % COPIES == COPIES - 1:
            name = chance.choice(edits)
            made = apply(name, opened(chance.choice(works)), [opened(path)], chance.getrandbits(30))
            with Image.open(io.BytesIO(made.data)) as picture:
                yield Sample("copy of a work, 2 MP", _encoded(_large(picture.convert("RGB"))))
        elif number % SMALL == 0:
            yield Sample("thumbnail or icon", icon(chance) if chance.random() < 0.4 else _thumbnail(path, chance))
        else:
            yield Sample("unrelated, 2 MP", _encoded(_large(opened(path))))


def _large(picture: Image.Image) -> Image.Image:
    size = LARGE if picture.width >= picture.height else LARGE[::-1]
    enlarged = ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(size, 6).convert("RGB")
    return Image.blend(enlarged, grain, 0.06)


def _thumbnail(path: Path, chance: random.Random) -> bytes:
    small = opened(path)
    side = chance.choice([64, 100, 120, 150, 160, 200, 240])
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encoded(small)


def icon(chance: random.Random) -> bytes:
    """A PNG of 16 to 96 pixels: one shape on one colour."""
    side = chance.choice([16, 24, 32, 48, 64, 96])
    icon = Image.new("RGB", (side * 4, side * 4), chance.choice(["white", "#f4f4f4", "#20242c"]))
    draw = ImageDraw.Draw(icon)
    colour = tuple(chance.randrange(256) for _ in range(3))
    shape = chance.choice([draw.ellipse, draw.rectangle])
    shape((side * 0.6, side * 0.6, side * 3.4, side * 3.4), fill=colour)
    draw.line((side, side * 2, side * 3, side * 2), fill="white", width=max(2, side // 3))
    out = io.BytesIO()
    icon.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG")
    return out.getvalue()


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
