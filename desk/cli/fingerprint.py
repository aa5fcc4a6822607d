"""`exhibit fingerprint`, which needs no server."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import (
    LeftOut,
    left_out_as_json,
    left_out_in_words,
    left_out_of,
    pictures_in,
    read_picture,
    written_whole,
)
from desk.cli.common.frame import examples, finish
from desk.cli.common.options import THERE, TO_WRITE, json_option
from desk.cli.common.show import counted, note, tell, tracked
from exhibit.errors import ExitCode, RefusedError, WrongUseError

if TYPE_CHECKING:
    from indexer.search import fingerprint_file

MAX_BYTES = 1 << 30


@click.command("fingerprint", epilog=examples("exhibit fingerprint ~/Pictures/portfolio --out works.json"))
@click.argument("paths", nargs=-1, required=True, type=THERE)
@click.option("--out", required=True, metavar="FILE", type=TO_WRITE, help="Output file (JSON).")
@json_option
def fingerprint_command(*, paths: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Compute fingerprints of the pictures in PATHS, to register works without sending the pictures.

    The output contains digests, sizes and fingerprints, but no pictures. A fingerprint reveals the rough shape of a
    picture, so send it only to an installation that you trust. Register it there with `exhibit work add FILE`. Pictures
    that are too similar to many others cannot be registered this way: they are listed, and the command exits with 4.
    """
    from indexer.search import fingerprint_file

    pictures: list[fingerprint_file.StatedPicture] = []
    failed = []
    for file in tracked(pictures_in(paths), "Measuring"):
        try:
            pictures.append(_told(file.name, file.path))
        except RefusedError as error:
            failed.append({"file": file.name, "reason": error.reason, "sentence": str(error)})
    if len(pictures) > fingerprint_file.MAX_WORKS:
        raise WrongUseError(
            f"A file can contain {fingerprint_file.MAX_WORKS:,} works.", hint="Split the pictures into several files."
        )
    if pictures:
        with written_whole(out) as temporary:
            content = fingerprint_file.StatedFile(works=tuple(pictures))
            temporary.write(content.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
    _tell(out, pictures, failed, left_out_of(paths), as_json=as_json)
    if failed or not pictures:
        finish(ExitCode.INCOMPLETE)


def _told(name: str, path: Path) -> "fingerprint_file.StatedPicture":
    from indexer.picture import features
    from indexer.search import fingerprint_file

    data = read_picture(path, MAX_BYTES)
    return fingerprint_file.StatedPicture.from_features(name, len(data), features.extract(data))


def _tell(
    out: Path,
    pictures: "Sequence[fingerprint_file.StatedPicture]",
    failed: Sequence[dict[str, str]],
    skipped: Sequence[LeftOut],
    *,
    as_json: bool,
) -> None:
    works = [picture.file for picture in pictures]
    values = {"file": str(out) if pictures else None, "works": works, "failed": failed, **left_out_as_json(skipped)}
    tell(values, f"{counted(len(pictures), 'fingerprint')} written: {out if pictures else 'no file'}", as_json=as_json)
    for other in failed if not as_json else ():
        note(f"  {other['file']}: skipped ({other['reason']}). {other['sentence']}")
    if skipped and not as_json:
        note(f"  {left_out_in_words(skipped)}")
