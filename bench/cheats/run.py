"""The benchmark of cheats: crafted strangers both ways round, and disguised copies, beside the peers in one run."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from PIL import Image, ImageOps

from bench.cheats import tables
from bench.cheats.asking import COPY, Asker, Outcome, outcome_from
from bench.cheats.questions import Craft, Disguise, crafts, disguised, picture
from bench.edited import photos_in
from bench.matching.answers import Answers
from bench.matching.questions import answered, roles
from bench.matching.registered import Registered
from bench.matching.run import Choice, retrievers_of
from bench.progress import Progress
from bench.table import Titled


def measure(choice: Choice, crafted: int, copies: int, out: Path, jobs: int = 1) -> Iterator[Titled]:
    """Make and ask everything, and give the tables; what a run that was stopped has asked is kept.

    Args:
        choice: photographs, which of them are works, and the seed; the rest of it says nothing.
        crafted: strangers that are crafted.
        copies: that are disguised.
        out: folder in which answers are kept.
        jobs: processes that make and ask.
    """
    parts = roles(photos_in(*choice.photos), choice.works, choice.seed, choice.folders)
    answers = Answers(out / "cheats", [asdict(choice), _code()], outcome_from)
    registered = Registered(parts.registered, answers.folder, Progress("works measured", len(parts.registered)))
    peers, stages = retrievers_of(parts, registered, answers.folder)
    asker = Asker(registered, [*peers, *stages], parts.registered)
    questions: list[Craft | Disguise] = [
        *crafts(parts, crafted, choice.seed),
        *disguised(parts, copies, choice.seed),
    ]
    every = answered("cheats asked", questions, len(questions), answers, asker.outcome, jobs)
    yield from _tables([one for one in every if one.kind != COPY], [one for one in every if one.kind == COPY])
    wrong = {one.question for one in every if tables.is_wrong(one)}
    for number, asked in enumerate(asked for asked in questions if asked.question in wrong):
        if isinstance(asked, Craft):
            _side_by_side(asked, answers.folder / "wrong" / f"{number:03d}-{asked.method}.jpg".replace("/", "-"))


def _side_by_side(asked: Craft, path: Path) -> None:
    """For a person: the stranger, what was made of it, and what it was taken for."""
    made = asked.made()
    shown = [
        picture(asked.stranger),
        made.pixels,
        picture(asked.works[0]) if made.registered is None else made.registered,
    ]
    fitted = [ImageOps.contain(Image.fromarray(pixels), (480, 480)) for pixels in shown]
    sheet = Image.new("RGB", (3 * 490, 480), "white")
    for place, image in enumerate(fitted):
        sheet.paste(image, (place * 490, 0))
    path.parent.mkdir(exist_ok=True)
    sheet.save(path, quality=90)


def _tables(crafted: Sequence[Outcome], copies: Sequence[Outcome]) -> Iterator[Titled]:
    yield "cheats-aims", "Against cheats", tables.aims(crafted, copies)
    yield "cheats-crafted", "Crafted strangers, by what they are and how they were made", tables.crafted(crafted)
    yield "cheats-sheets", "One picture made to match many works", tables.sheets(crafted)
    yield "cheats-wrong", "Strangers taken for certain", tables.wrong(crafted)
    yield "cheats-disguised", "Disguised copies", tables.disguised(copies)


def _code() -> str:
    """A digest of the code that makes cheats: answers about other pictures aren't this run's."""
    showing = {"run.py", "tables.py"}
    files = sorted(path for path in Path(__file__).parent.glob("*.py") if path.name not in showing)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
