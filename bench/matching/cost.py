"""What a found picture costs in processor time, on a mix as the web brings it, and what is kept of it in bytes."""

import io
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from bench.edited import opened
from bench.matching.look import Look
from bench.matching.registered import Registered
from bench.processor import processor_seconds
from bench.progress import Progress
from bench.table import Row
from indexer.edits import EDITS, apply
from indexer.picture.features import fingerprints, work_fingerprints
from indexer.picture.features_file import to_bytes
from indexer.picture.spaces import PICTURE_PARTS

LARGE = (1632, 1224)
"""Two megapixels."""
COPIES = 20
"""Every twentieth picture is a copy."""
SMALL = 3
"""Every third one is a thumbnail or an icon."""
WARM_UP = 5
MIX = "**the mix**"


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


def time_table(samples: Sequence[Sample], registered: Registered) -> list[Row]:
    """Milliseconds of processor time a picture, from its bytes to the decision; decoding included."""
    for sample in samples[:WARM_UP]:
        registered.compared(Look(sample.data))
    spent: dict[str, list[float]] = defaultdict(list)
    progress = Progress("time of a picture", len(samples))
    for number, sample in enumerate(samples, start=1):
        started = processor_seconds()
        registered.compared(Look(sample.data))
        spent[sample.kind].append((processor_seconds() - started) * 1000)
        progress(number)
    rows = [_row(kind, values) for kind, values in spent.items()]
    return [*rows, _row(MIX, [value for values in spent.values() for value in values])]


def _row(kind: str, values: Sequence[float]) -> Row:
    ordered = sorted(values)
    return {
        "picture": kind,
        "pictures": len(values),
        "ms, mean": sum(values) / len(values),
        "ms, median": ordered[len(ordered) // 2],
        "ms, 95th of 100": ordered[int(len(ordered) * 0.95)],
    }


def bytes_table(registered: Registered) -> list[Row]:
    """Bytes that are kept of a picture that was seen, and of a work; means over the registered ones."""
    kept: dict[str, list[int]] = defaultdict(list)
    for number in range(min(len(registered), 100)):
        features = registered.features(number)
        seen = fingerprints(features.digest, features)
        kept["picture seen: vectors"].append(_size([one.vector for one in seen if one.part in PICTURE_PARTS]))
        kept["work: vectors"].append(_size([one.vector for one in work_fingerprints(features.digest, features)]))
        kept["work: features on disk"].append(len(to_bytes(features)))
    return [{"what": name, "bytes": round(sum(sizes) / len(sizes))} for name, sizes in kept.items()]


def _size(vectors: Sequence[bytes]) -> int:
    return sum(len(vector) for vector in vectors)
