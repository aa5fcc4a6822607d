"""`exhibit compare`, which needs no server for two files."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from desk.cli.common.files import read_picture, write_file
from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import AT_LEAST_1, FILE, TO_WRITE, json_option, owner_option
from desk.cli.common.show import echo_json, fields, say
from exhibit.digests import Digest
from exhibit.errors import RefusedError, WrongUseError
from exhibit.types import Decision, Verification

if TYPE_CHECKING:
    from indexer.picture import features

MAX_BYTES = 1 << 30
F = TypeVar("F", bound=Callable[..., None])
SAID = {
    Decision.CERTAIN: "certain match: the pictures agree like a copy and its original.",
    Decision.REVIEW: "review: possible match. A person must review it.",
    Decision.RESEMBLES: "resembles: the pictures are related. A person must review them.",
    Decision.NONE: "none: the pictures have no common area.",
}


def _drawing(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise click.BadParameter(f"{path.name} has an unsupported suffix. Use .jpg or .png.")
    return path


def _drawing_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, metavar="FILE", type=TO_WRITE, callback=_drawing, help=text)


@click.command(
    "compare",
    epilog=examples(
        "exhibit compare ours.jpg theirs.png --side-by-side both.jpg",
        "exhibit compare ours.jpg --case 3 --side-by-side both.jpg",
    ),
)
@click.argument("work", type=FILE)
@click.argument("picture", type=FILE, required=False)
@click.option("--case", "case", type=AT_LEAST_1, metavar="N", help="Number of a case; compare with its found pictures.")
@owner_option
@_drawing_option("--side-by-side", "Output file: both side by side, with the common area outlined.")
@_drawing_option("--overlay", "Output file: PICTURE on top of WORK.")
@_drawing_option("--difference", "Output file: differences between PICTURE and WORK.")
@_drawing_option("--points", "Output file: matching details with numbers.")
@_drawing_option("--map", "Output file: preserved parts of WORK, cell by cell.")
@json_option
def compare_command(
    *,
    work: Path,
    picture: Path | None,
    case: int | None,
    named: str | None,
    as_json: bool,
    **drawings: Path | None,
) -> None:
    """Compare two picture files: determine whether PICTURE is a copy of WORK, and how similar they are.

    With --case, compare WORK with the found pictures of a case, for a work that was registered by fingerprints only.
    WORK must have the registered digest. It is not stored.

    The suffix of a drawing's file name selects JPEG or PNG.
    """
    if picture is not None and case is None:
        _compare(work, picture, drawings, as_json=as_json)
        return
    if picture is not None or case is None:
        raise WrongUseError(
            "Enter either PICTURE or --case.", hint="exhibit compare WORK PICTURE, or exhibit compare WORK --case N"
        )
    desk = open_desk()
    owner = desk.owner(named)
    from registry import scoped
    from registry.cases import found_pictures
    from registry.log import audit_log

    row, data = scoped.case(owner, case), read_picture(work, desk.services.limits.max_bytes)
    copies = found_pictures.load_found_pictures(desk.services, row, Digest.of(data))
    audit_log.log_access(audit_log.Evidence.CASE, audit_log.AccessKind.VIEWED, owner, by=person(), case=case)
    for place, (url, copy) in enumerate(copies.items(), 1):
        each = {
            name: path and (path.with_stem(f"{path.stem}-{place}") if place > 1 else path)
            for name, path in drawings.items()
        }
        with tempfile.NamedTemporaryFile() as file:
            file.write(copy)
            file.flush()
            if not as_json:
                say(url)
            _compare(work, Path(file.name), each, as_json=as_json)


def _compare(work: Path, picture: Path, drawings: dict[str, Path | None], *, as_json: bool) -> None:
    from exhibit.comparison import calibration as calibrations
    from indexer.calibration import shipped
    from indexer.compare import change as changes, wording
    from indexer.search import adaptations, search
    from registry.bundles import sentences

    (registered, original), (found_data, found_features) = map(measured_file, (work, picture))
    calibration = shipped.shipped_calibration()
    verification = adaptations.add_survival(
        found_features, original, search.compare_closely(found_features, lambda: found_data, original)
    )
    result = calibrations.calibrated(verification, calibration)
    sizes = [(info.width, info.height) for info in (found_features.info, original.info)]
    shows = result.decision in (Decision.CERTAIN, Decision.REVIEW)
    change = None if result.transform is None or not shows else changes.derive_change(result.transform, *sizes)
    chart = drawings.pop("map")
    drawing_paths = {name: path for name, path in drawings.items() if path is not None}
    if result.transform is not None:
        _draw(found_data, registered, result, drawing_paths)
    if chart is not None and result.survival:
        _draw_map(registered, result, chart)
    if as_json:
        echo_json(wording.as_dict(result))
        return
    say(SAID[result.decision])
    for name, info in (("WORK", original.info), ("PICTURE", found_features.info)):
        if info.incomplete:
            say(f"  {name} is truncated or damaged. Only its readable part was compared.")
    if change is not None:
        say(f"  PICTURE shows {wording.describe_change_of_work(change)}.")
    for sentence in sentences.measurement_sentences(result, calibration):
        say(f"  {sentence}")
    fields(("  remarks", ", ".join(result.reasons)))
    if drawing_paths and result.transform is None:
        say("The pictures cannot be aligned, so no drawings were written.")
    elif drawing_paths:
        say(f"Written: {', '.join(str(path) for path in drawing_paths.values())}")


def _draw_map(registered: bytes, verification: Verification, path: Path) -> None:
    from indexer.draw import draw, overlay

    encode = draw.png if path.suffix.lower() == ".png" else draw.jpeg
    write_file(path, encode(overlay.draw_survival(registered, verification.survival)))


def measured_file(path: Path) -> tuple[bytes, "features.Features"]:
    """A picture's bytes and what is measured of it; an error names its file."""
    from indexer.picture import features

    try:
        data = read_picture(path, MAX_BYTES)
        return data, features.extract(data)
    except RefusedError as error:
        raise RefusedError(f"{path}: {error.message}", reason=error.reason, hint=error.hint) from error


def _draw(found_data: bytes, registered: bytes, verification: Verification, drawing_paths: Mapping[str, Path]) -> None:
    from indexer.draw import draw, pair as pairs

    pair = pairs.Pair.from_verification(found_data, registered, verification)
    for name, path in drawing_paths.items():
        write_file(path, draw.SUFFIXES[path.suffix.lower()](draw.View[name.upper()], pair))
