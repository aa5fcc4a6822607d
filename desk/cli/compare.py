"""`exhibit compare`, which needs no server for two files."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from desk.cli.common.context import format_examples, get_actor_name, open_command_context
from desk.cli.common.files import read_picture, write_file
from desk.cli.common.options import AT_LEAST_1, EXISTING_FILE, OUTPUT_FILE, json_option, owner_option
from desk.cli.common.output import echo_fields, echo_json, echo_text
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.types import Decision, Verification

if TYPE_CHECKING:
    from indexer.picture import features

MAX_BYTES = 1 << 30
F = TypeVar("F", bound=Callable[..., None])
DECISION_TEXTS = {
    Decision.CERTAIN: "certain: certain match. The pictures agree as closely as a copy and its original.",
    Decision.REVIEW: "review: possible match. A person must review the pictures.",
    Decision.RELATED: "related: related pictures, but copying is not established. A person must review them.",
    Decision.NONE: "none: the pictures have no common area.",
}


def _check_drawing_suffix(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise click.BadParameter(f"{path.name} has an unsupported suffix. Use .jpg or .png.")
    return path


def _make_drawing_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, metavar="FILE", type=OUTPUT_FILE, callback=_check_drawing_suffix, help=text)


@click.command(
    "compare",
    epilog=format_examples(
        "exhibit compare ours.jpg theirs.png --side-by-side both.jpg",
        "exhibit compare ours.jpg --case 3 --side-by-side both.jpg",
    ),
)
@click.argument("work", type=EXISTING_FILE)
@click.argument("picture", type=EXISTING_FILE, required=False)
@click.option(
    "--case",
    "case",
    type=AT_LEAST_1,
    metavar="N",
    help="Number of the case whose found pictures are compared with WORK.",
)
@owner_option
@_make_drawing_option("--side-by-side", "Output file: both pictures side by side, with the common area outlined.")
@_make_drawing_option("--overlay", "Output file: PICTURE on top of WORK.")
@_make_drawing_option("--difference", "Output file: differences between PICTURE and WORK.")
@_make_drawing_option("--points", "Output file: matching details, numbered in both pictures.")
@_make_drawing_option("--map", "Output file: WORK with a grid that shows which parts are preserved in PICTURE.")
@json_option
def compare_command(
    *,
    work: Path,
    picture: Path | None,
    case: int | None,
    owner_name: str | None,
    as_json: bool,
    **drawings: Path | None,
) -> None:
    """Determine whether the picture file PICTURE is a copy of the picture file WORK, and how similar they are.

    With --case, compare WORK with the found pictures of a case whose work was registered by fingerprints only. WORK
    must be the registered file, which is checked by its digest. The file is not stored.

    The suffix of an output file (.jpg or .png) selects its format.
    """
    if picture is not None and case is None:
        _compare(work, picture, drawings, as_json=as_json)
        return
    if picture is not None or case is None:
        raise InvalidRequestError(
            "Specify either PICTURE or --case.", hint="exhibit compare WORK PICTURE, or exhibit compare WORK --case N"
        )
    context = open_command_context()
    owner = context.get_owner(owner_name)
    from registry import scoped
    from registry.cases import found_pictures
    from registry.log import audit_log

    row, data = scoped.get_case(owner, case), read_picture(work, context.services.limits.max_bytes)
    copies = found_pictures.load_found_pictures(context.services, row, Digest.from_bytes(data))
    audit_log.log_access(
        audit_log.EvidenceKind.CASE, audit_log.AccessKind.VIEWED, owner, by=get_actor_name(), case=case
    )
    for position, (url, copy) in enumerate(copies.items(), 1):
        copy_drawings = {
            name: path and (path.with_stem(f"{path.stem}-{position}") if position > 1 else path)
            for name, path in drawings.items()
        }
        with tempfile.NamedTemporaryFile() as file:
            file.write(copy)
            file.flush()
            if not as_json:
                echo_text(url)
            _compare(work, Path(file.name), copy_drawings, as_json=as_json)


def _compare(work: Path, picture: Path, drawings: dict[str, Path | None], *, as_json: bool) -> None:
    from exhibit.comparison import calibration as calibrations
    from indexer.calibration import shipped
    from indexer.compare import change as changes, wording
    from indexer.search import adaptations, comparison
    from registry.bundles import sentences

    (registered, original), (found_data, found_features) = map(measure_file, (work, picture))
    calibration = shipped.shipped_calibration()
    verification = adaptations.add_survival(
        found_features, original, comparison.compare_pair(found_features, lambda: found_data, original)
    )
    result = calibrations.add_probability(verification, calibration)
    sizes = [(info.width, info.height) for info in (found_features.info, original.info)]
    is_match = result.decision in (Decision.CERTAIN, Decision.REVIEW)
    change = None if result.transform is None or not is_match else changes.derive_change(result.transform, *sizes)
    map_path = drawings.pop("map")
    drawing_paths = {name: path for name, path in drawings.items() if path is not None}
    if result.transform is not None:
        _draw(found_data, registered, result, drawing_paths)
    if map_path is not None and result.survival:
        _draw_map(registered, result, map_path)
    if as_json:
        echo_json(wording.as_dict(result))
        return
    echo_text(DECISION_TEXTS[result.decision])
    for name, info in (("WORK", original.info), ("PICTURE", found_features.info)):
        if info.incomplete:
            echo_text(f"  {name} is truncated or damaged. Only its readable part was compared.")
    if change is not None:
        echo_text(f"  PICTURE shows {wording.describe_change_of_work(change)}.")
    for sentence in sentences.format_measurements(result, calibration):
        echo_text(f"  {sentence}")
    echo_fields(("  remarks", ", ".join(result.reasons)))
    if drawing_paths and result.transform is None:
        echo_text("The pictures cannot be aligned, so no drawings were written.")
    elif drawing_paths:
        echo_text(f"Written: {', '.join(str(path) for path in drawing_paths.values())}")


def _draw_map(registered: bytes, verification: Verification, path: Path) -> None:
    from indexer.draw import draw, overlay

    encode = draw.encode_png if path.suffix.lower() == ".png" else draw.encode_jpeg
    write_file(path, encode(overlay.draw_survival(registered, verification.survival)))


def measure_file(path: Path) -> tuple[bytes, "features.Features"]:
    """Return the bytes of a picture and its features.

    Raises:
        RefusedError: The file cannot be read as a picture. The message contains its path.
    """
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
        write_file(path, draw.DRAW_BY_SUFFIX[path.suffix.lower()](draw.View[name.upper()], pair))
