"""Comparing two pictures: alone, without any server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from desk.cli.common.command import TO_WRITE, AsJson, GivenFile, command
from desk.cli.common.files import read_picture, write_file
from desk.cli.common.show import echo_json, fields, say
from exhibit.errors import RefusedError
from exhibit.types import Decision, Verification

if TYPE_CHECKING:
    from indexer.picture.features import Features

MAX_BYTES = 1 << 30
F = TypeVar("F", bound=Callable[..., None])
SAID = {
    Decision.CERTAIN: "certain: they agree as a copy and its original do.",
    Decision.REVIEW: "review: they may agree; a person has to look.",
    Decision.DERIVED: "derived: no copy was found, but parts of its structure survive.",
    Decision.NONE: "none: nothing was found that they share.",
}


def _drawing(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise click.BadParameter(f"{path.name} ends neither with .jpg nor with .png.")
    return path


def _drawing_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, metavar="FILE", type=TO_WRITE, callback=_drawing, help=text)


@command("compare", "ours.jpg theirs.png --side-by-side both.jpg")
@_drawing_option("--side-by-side", "Draw both, with what they share outlined.")
@_drawing_option("--overlay", "Draw PICTURE laid on WORK.")
@_drawing_option("--difference", "Draw what PICTURE has otherwise than WORK.")
@_drawing_option("--points", "Draw details that are in both, numbered.")
@_drawing_option("--map", "Draw WORK with what of it survives, cell by cell.")
def compare_command(*, work: GivenFile, picture: GivenFile, as_json: AsJson, **drawings: Path | None) -> None:
    """Compare PICTURE with WORK: whether it may be a copy, and how alike the two are.

    Drawings are JPEG or PNG files, as their names end.
    """
    from exhibit.comparison.calibration import calibrated
    from indexer.calibration.shipped import shipped_calibration
    from indexer.compare.change import change_of
    from indexer.compare.wording import as_plain, change_in_words
    from indexer.search.derived import graded
    from indexer.search.search import compare

    (registered, original), (found, measured) = map(measured_file, (work, picture))
    calibration = shipped_calibration()
    one = calibrated(graded(measured, original, compare(measured, lambda: found, original)), calibration)
    sizes = [(info.width, info.height) for info in (measured.info, original.info)]
    shows = one.decision in (Decision.CERTAIN, Decision.REVIEW)
    change = None if one.transform is None or not shows else change_of(one.transform, *sizes)
    chart = drawings.pop("map")
    wanted = {name: path for name, path in drawings.items() if path is not None}
    if one.transform is not None:
        _draw(found, registered, one, wanted)
    if chart is not None and one.survival:
        _draw_map(registered, one, chart)
    if as_json:
        echo_json(as_plain(one))
        return
    say(SAID[one.decision])
    from workers.texts.sentences import words_of

    if change is not None:
        say(f"  PICTURE shows {change_in_words(change)}.")
    for sentence in words_of(one, calibration):
        say(f"  {sentence}")
    fields(("  remarks", ", ".join(one.reasons)))
    if wanted and one.transform is None:
        say("The pictures can't be laid onto each other, so nothing is drawn.")
    elif wanted:
        say(f"Drawn: {', '.join(str(path) for path in wanted.values())}")


def _draw_map(registered: bytes, compared: Verification, path: Path) -> None:
    from indexer.draw.draw import jpeg, png
    from indexer.draw.overlay import survives

    encode = png if path.suffix.lower() == ".png" else jpeg
    write_file(path, encode(survives(registered, compared.survival)))


def measured_file(path: Path) -> tuple[bytes, "Features"]:
    """A picture's bytes and what is measured of it; an error names its file."""
    from indexer.picture.features import extract

    try:
        data = read_picture(path, MAX_BYTES)
        return data, extract(data)
    except RefusedError as error:
        raise RefusedError(f"{path}: {error.message}", reason=error.reason, hint=error.hint) from error


def _draw(found: bytes, registered: bytes, compared: Verification, wanted: Mapping[str, Path]) -> None:
    from indexer.draw.draw import SUFFIXES, View
    from indexer.draw.pair import Pair

    pair = Pair.of(found, registered, compared)
    for name, path in wanted.items():
        write_file(path, SUFFIXES[path.suffix.lower()](View[name.upper()], pair))
