"""`exhibit fingerprint`, which needs no server."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import exit_with, format_examples
from desk.cli.common.files import (
    SkippedFile,
    describe_skipped_files,
    find_pictures,
    find_skipped_files,
    read_picture,
    skipped_to_json,
    write_atomically,
)
from desk.cli.common.options import EXISTING_PATH, OUTPUT_FILE, json_option
from desk.cli.common.output import echo_note, echo_result, format_count, track_progress
from exhibit.errors import ExitCode, InvalidRequestError, RefusedError

if TYPE_CHECKING:
    from indexer.search import fingerprint_file

MAX_BYTES = 1 << 30


@click.command("fingerprint", epilog=format_examples("exhibit fingerprint ~/Pictures/portfolio --out works.json"))
@click.argument("paths", nargs=-1, required=True, type=EXISTING_PATH)
@click.option("--out", required=True, metavar="FILE", type=OUTPUT_FILE, help="Output file (JSON).")
@json_option
def fingerprint_command(*, paths: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Compute fingerprints of the pictures in PATHS, to register works without sending the pictures.

    The output contains digests, sizes and fingerprints, but no pictures. A fingerprint reveals the rough shape of a
    picture, so send the file only to an installation that you trust. Register the works there with `exhibit work add
    FILE`. Pictures that are too similar to many others cannot be registered this way. The command lists these and
    unreadable pictures, and exits with 4 if there are any.
    """
    from indexer.search import fingerprint_file

    pictures: list[fingerprint_file.StatedPicture] = []
    failures = []
    for file in track_progress(find_pictures(paths), "Measuring"):
        try:
            pictures.append(_measure_picture(file.name, file.path))
        except RefusedError as error:
            failures.append({"file": file.name, "reason": error.reason, "sentence": str(error)})
    if len(pictures) > fingerprint_file.MAX_WORKS:
        raise InvalidRequestError(
            f"A fingerprint file can contain at most {fingerprint_file.MAX_WORKS:,} works.",
            hint="Split the pictures into several files.",
        )
    if pictures:
        with write_atomically(out) as temporary:
            content = fingerprint_file.StatedFile(works=tuple(pictures))
            temporary.write(content.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
    _echo_summary(out, pictures, failures, find_skipped_files(paths), as_json=as_json)
    if failures or not pictures:
        exit_with(ExitCode.INCOMPLETE)


def _measure_picture(name: str, path: Path) -> "fingerprint_file.StatedPicture":
    from indexer.picture import features
    from indexer.search import fingerprint_file

    data = read_picture(path, MAX_BYTES)
    return fingerprint_file.StatedPicture.from_features(name, len(data), features.extract(data))


def _echo_summary(
    out: Path,
    pictures: "Sequence[fingerprint_file.StatedPicture]",
    failures: Sequence[dict[str, str]],
    skipped_files: Sequence[SkippedFile],
    *,
    as_json: bool,
) -> None:
    works = [picture.file for picture in pictures]
    values = {
        "file": str(out) if pictures else None,
        "works": works,
        "failed": failures,
        **skipped_to_json(skipped_files),
    }
    echo_result(
        values,
        f"{format_count(len(pictures), 'fingerprint')} written: {out if pictures else 'none'}",
        as_json=as_json,
    )
    for failure in failures if not as_json else ():
        echo_note(f"  {failure['file']}: skipped ({failure['reason']}). {failure['sentence']}")
    if skipped_files and not as_json:
        echo_note(f"  {describe_skipped_files(skipped_files)}")
