"""Comparing two pictures: alone, without any server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from desk.cli.common.files import read_picture, write_file
from desk.cli.common.frame import examples
from desk.cli.common.options import FILE, TO_WRITE, json_option
from desk.cli.common.show import fields, only_json, say
from exhibit.errors import RefusedError
from exhibit.types import Decision, Verification

if TYPE_CHECKING:
    from indexer.picture import features

MAX_BYTES = 1 << 30
F = TypeVar("F", bound=Callable[..., None])
SAID = {
    Decision.CERTAIN: "certain: they agree as a copy and its original do.",
    Decision.REVIEW: "review: they may agree; a person has to look.",
    Decision.RESEMBLES: "resembles: it has to do with the work beyond chance; a person has to look.",
    Decision.NONE: "none: nothing was found that they share.",
}


def _drawing(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise click.BadParameter(f"{path.name} ends neither with .jpg nor with .png.")
    return path


def _drawing_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, metavar="FILE", type=TO_WRITE, callback=_drawing, help=text)


@click.command("compare", epilog=examples("exhibit compare ours.jpg theirs.png --side-by-side both.jpg"))
@click.argument("work", type=FILE)
@click.argument("picture", type=FILE)
@_drawing_option("--side-by-side", "Draw both, with what they share outlined.")
@_drawing_option("--overlay", "Draw PICTURE laid on WORK.")
@_drawing_option("--difference", "Draw what PICTURE has otherwise than WORK.")
@_drawing_option("--points", "Draw details that are in both, numbered.")
@_drawing_option("--map", "Draw WORK with what of it survives, cell by cell.")
@json_option
def compare_command(*, work: Path, picture: Path, as_json: bool, **drawings: Path | None) -> None:
    """Compare PICTURE with WORK: whether it may be a copy, and how alike the two are.

    Drawings are JPEG or PNG files, as their names end.
    """
    from exhibit.comparison import calibration as calibrations
    from indexer.calibration import shipped
    from indexer.compare import change as changes, wording
    from indexer.search import derived, search
    from registry.bundles import sentences

    (registered, original), (found, measured) = map(measured_file, (work, picture))
    calibration = shipped.shipped_calibration()
    compared = derived.graded(measured, original, search.compare_closely(measured, lambda: found, original))
    one = calibrations.calibrated(compared, calibration)
    sizes = [(info.width, info.height) for info in (measured.info, original.info)]
    shows = one.decision in (Decision.CERTAIN, Decision.REVIEW)
    change = None if one.transform is None or not shows else changes.change_of(one.transform, *sizes)
    chart = drawings.pop("map")
    wanted = {name: path for name, path in drawings.items() if path is not None}
    if one.transform is not None:
        _draw(found, registered, one, wanted)
    if chart is not None and one.survival:
        _draw_map(registered, one, chart)
    only_json(wording.as_plain(one), asked=as_json)
    say(SAID[one.decision])
    for name, info in (("WORK", original.info), ("PICTURE", measured.info)):
        if info.incomplete:
            say(f"  The file of {name} breaks off or is damaged: compared was what there is of it.")
    if change is not None:
        say(f"  PICTURE shows {wording.change_in_words(change)}.")
    for sentence in sentences.words_of(one, calibration):
        say(f"  {sentence}")
    fields(("  remarks", ", ".join(one.reasons)))
    if wanted and one.transform is None:
        say("The pictures can't be laid onto each other, so nothing is drawn.")
    elif wanted:
        say(f"Drawn: {', '.join(str(path) for path in wanted.values())}")


def _draw_map(registered: bytes, compared: Verification, path: Path) -> None:
    from indexer.draw import draw, overlay

    encode = draw.png if path.suffix.lower() == ".png" else draw.jpeg
    write_file(path, encode(overlay.survives(registered, compared.survival)))


def measured_file(path: Path) -> tuple[bytes, "features.Features"]:
    """A picture's bytes and what is measured of it; an error names its file."""
    from indexer.picture import features

    try:
        data = read_picture(path, MAX_BYTES)
        return data, features.extract(data)
    except RefusedError as error:
        raise RefusedError(f"{path}: {error.message}", reason=error.reason, hint=error.hint) from error


def _draw(found: bytes, registered: bytes, compared: Verification, wanted: Mapping[str, Path]) -> None:
    from indexer.draw import draw, pair as pairs

    pair = pairs.Pair.of(found, registered, compared)
    for name, path in wanted.items():
        write_file(path, draw.SUFFIXES[path.suffix.lower()](draw.View[name.upper()], pair))
