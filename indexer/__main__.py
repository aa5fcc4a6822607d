"""``python -m indexer``: match folders, compare pictures and calibrate the comparison without a server."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import BinaryIO

from exhibit.comparison.calibration import add_probability
from exhibit.errors import ExhibitError, ExitCode, InvalidRequestError, UnreadablePictureError
from exhibit.interrupts import ignore_signals, install_interrupt_handlers
from exhibit.pipes import ArgumentParser, exit_on_closed_pipe
from exhibit.types import Decision
from indexer.calibration.calibrate import CalibrationInputs, calibrate, read_groups, summarize
from indexer.calibration.measure import Plan
from indexer.calibration.shipped import shipped_calibration
from indexer.compare.wording import as_dict, describe_restrictions, in_words
from indexer.draw.draw import DRAW_BY_SUFFIX, View
from indexer.draw.pair import Pair
from indexer.picture.features import Features, extract
from indexer.search.comparison import compare_pair
from indexer.search.explanation import TRUNCATED_FILE
from indexer.search.folders import PictureResult, RegisteredFile, Skipped, match_pictures
from indexer.search.matches_file import MatchesFile

EXAMPLES = """examples:
  python -m indexer match works/ pictures/ --out matches.jsonl
      match two folders; the output has one JSON object per line: work, picture, decision (certain or review) and
      measurements; after an interruption, run the same command again to continue
  python -m indexer match works/ pictures/ --out matches.jsonl --cache measured/
      the same; works that were measured in an earlier run are not measured again
  python -m indexer compare original.jpg copy.jpg --overlay overlay.jpg --difference difference.jpg
      describe the measurements of one pair; draw the copy on top of the original, and the differences
  python -m indexer calibrate photographs/ --out calibration.json --cache measured/
      measure how often the comparison is correct on these photographs; write a calibration with a bound on false alarms

exit codes of match and calibrate: 0 success, 2 usage error, 3 a process died, 130 interrupted
exit codes of compare: 0 certain, review or related, 1 none, 2 usage error or unreadable file, 130 interrupted"""


CLEANUP_PROGRAM = """
import os, shutil, sys, time
is_well, gone = bool(sys.stdin.read()), 0
parent, *folders = sys.argv[1:2] + (sys.argv[2:3] if is_well else sys.argv[2:])
for _ in range(100):
    for folder in folders[:1] if os.getppid() == int(parent) else folders:
        shutil.rmtree(folder, ignore_errors=True)
    gone = 0 if any(map(os.path.exists, folders)) else gone + 1
    if gone > (0 if is_well else 10):
        break
    time.sleep(0.1)
"""
"""Program that removes the temporary folders of its parent process, even if the parent is killed.

It removes the first folder when its standard input ends, and the others when the parent has ended. If the parent wrote
to its input, the parent removes the other folders itself. Other processes may still write briefly after a kill, so the
program checks for one second that no file has reappeared."""
VIEW_DESCRIPTIONS = {
    View.SIDE_BY_SIDE: "A and B side by side, with the common area outlined",
    View.OVERLAY: "B on top of A",
    View.DIFFERENCE: "differences between A and B, in colour",
    View.POINTS: "matching details, numbered in both pictures",
}


@exit_on_closed_pipe
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _build_parser().parse_args(arguments)
    install_interrupt_handlers()
    try:
        return int(options.run(options))
    except UnreadablePictureError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(ExitCode.INVALID_REQUEST)
    except ExhibitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


def _match(options: argparse.Namespace) -> ExitCode:
    meter, unreadable_count = _ProgressMeter(), 0
    matches_file = MatchesFile(options.out, options.pictures, shipped_calibration())
    try:
        with ExitStack() as stack:
            search_arguments = (
                options.works,
                options.pictures,
                stack.enter_context(_scratch(options.cache)),
                options.jobs,
            )
            stack.enter_context(matches_file)
            for item in stack.enter_context(
                closing(match_pictures(*search_arguments, meter.show, matches_file.resume))
            ):
                if isinstance(item, PictureResult):
                    matches_file.add(item.path, item.results)
                unreadable_count += isinstance(item, Skipped)
                for skipped in item.results if isinstance(item, PictureResult) else (item,):
                    if isinstance(skipped, Skipped):
                        meter.print_line(f"skipped {skipped.path}: {skipped.reason}")
                if isinstance(item, RegisteredFile):
                    meter.print_line(f"{item.path} {describe_restrictions(item.review_reasons)}")
    except (ExhibitError, KeyboardInterrupt):
        if matches_file.is_started:
            meter.print_line(
                f"{matches_file.matches} matches of {matches_file.pictures} pictures in "
                f"{matches_file.path}. Run the command again to continue."
            )
        raise
    meter.print_line(
        f"{matches_file.matches} matches in {matches_file.path}, "
        f"{matches_file.skipped + unreadable_count} files skipped"
    )
    return ExitCode.DONE


def _compare(options: argparse.Namespace) -> ExitCode:
    first, second = _read_bytes(options.first), _read_bytes(options.second)
    registered_picture, found_picture = (
        _extract_features(options.first, first),
        _extract_features(options.second, second),
    )
    verification = add_probability(
        compare_pair(found_picture, lambda: second, registered_picture), shipped_calibration()
    )
    output_paths = {view: path for view in View if (path := getattr(options, view.name.lower())) is not None}
    if output_paths and verification.transform is None:
        print("The pictures cannot be aligned, so no drawings were written.", file=sys.stderr)
    elif output_paths:
        pair = Pair.from_verification(second, first, verification)
        for view, path in output_paths.items():
            with _open_replacement(path) as file:
                file.write(DRAW_BY_SUFFIX[path.suffix.lower()](view, pair))
    for path, picture in ((options.first, registered_picture), (options.second, found_picture)):
        if picture.info.incomplete:
            print(f"{path}: {TRUNCATED_FILE}", file=sys.stderr)
    sizes = ((picture.info.width, picture.info.height) for picture in (found_picture, registered_picture))
    print(json.dumps(as_dict(verification), indent=1) if options.json else in_words(verification, *sizes))
    return ExitCode.CHECK_FAILED if verification.decision is Decision.NONE else ExitCode.DONE


def _calibrate(options: argparse.Namespace) -> ExitCode:
    meter = _ProgressMeter()
    groups = () if options.duplicates is None else read_groups(options.duplicates)
    with _scratch(options.cache) as scratch:
        plan = Plan(options.max_edited)
        inputs = CalibrationInputs(options.folder, scratch, options.name, options.data, plan, groups, options.jobs)
        result = calibrate(inputs, meter.show)
    with _open_replacement(options.out) as out:
        out.write(result.calibration.to_json())
    for name, value in summarize(result):
        print(f"{name:<14}  {value}")
    for decision in (Decision.CERTAIN, Decision.REVIEW):
        for files in sorted({false_alarm.files for false_alarm in result.find_false_alarms(decision)}):
            print(f"{decision:<14}  {'  '.join(files)}")
    return ExitCode.DONE


def _extract_features(path: Path, data: bytes) -> Features:
    try:
        return extract(data)
    except UnreadablePictureError as error:
        raise UnreadablePictureError(f"{path}: {error.message}", reason=error.reason, hint=error.hint) from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from error


@contextmanager
def _scratch(cache: Path | None) -> Iterator[Path]:
    """Yield the folder for measured works, and remove the temporary folders of this process and its children later."""
    folder = tempfile.mkdtemp(prefix="exhibit-match-")
    folders = (folder, get_temp_dir())  # multiprocessing removes the second folder unless this process is killed
    remover = [sys.executable, "-IS", "-c", CLEANUP_PROGRAM, str(os.getpid()), *folders]
    with subprocess.Popen(remover, stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield cache or Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                process.communicate(b"done")


@contextmanager
def _open_replacement(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file that replaces the file at the path if no error occurs."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


class _ProgressMeter:
    """Progress on standard error: one updated line on a terminal, otherwise a line for every tenth of the work."""

    def __init__(self) -> None:
        self._progress_line = ""

    def show(self, stage: str, done: int, total: int) -> None:
        """Show the progress of a stage."""
        is_terminal = sys.stderr.isatty()
        step = max(1, total // (200 if is_terminal else 10))
        if done % step and done != total:
            return
        self._progress_line = f"{stage} {done} of {total}"
        print(
            f"\r\x1b[2K{self._progress_line}" if is_terminal else self._progress_line,
            file=sys.stderr,
            end="" if is_terminal else "\n",
        )

    def print_line(self, line: str) -> None:
        """Show a permanent line."""
        if self._progress_line and sys.stderr.isatty():
            print(file=sys.stderr)
        self._progress_line = ""
        print(line, file=sys.stderr)


def _build_parser() -> argparse.ArgumentParser:
    parser = ArgumentParser(
        prog="python -m indexer",
        description="Find copies of registered pictures, without any server.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="match | compare | calibrate")
    match_parser = commands.add_parser("match", help="match a folder of pictures against a folder of works")
    match_parser.add_argument("works", type=Path, help="folder of registered pictures, including subfolders")
    match_parser.add_argument("pictures", type=Path, help="folder of possible copies, including subfolders")
    match_parser.add_argument("--out", type=Path, required=True, help="output file, one JSON object per line")
    match_parser.add_argument("--cache", type=Path, help="cache folder for measurements of works, reused by later runs")
    match_parser.add_argument(
        "--jobs",
        type=_parse_job_count,
        default=os.cpu_count() or 1,
        help="number of processes (default: number of cores)",
    )
    match_parser.set_defaults(run=_match)
    compare_parser = commands.add_parser("compare", help="compare a registered picture with a possible copy")
    compare_parser.add_argument("first", type=Path, metavar="A", help="registered picture")
    compare_parser.add_argument("second", type=Path, metavar="B", help="possible copy")
    for view, text in VIEW_DESCRIPTIONS.items():
        compare_parser.add_argument(
            f"--{view}", metavar="FILE", type=_parse_drawing_path, help=f"output file (JPEG or PNG): {text}"
        )
    compare_parser.add_argument("--json", action="store_true", help="print the measurements as JSON")
    compare_parser.set_defaults(run=_compare)
    calibrate_parser = commands.add_parser("calibrate", help="measure the error rates of the comparison on photographs")
    calibrate_parser.add_argument("folder", type=Path, help="folder of photographs; list duplicates with --duplicates")
    calibrate_parser.add_argument("--out", type=Path, required=True, help="output file for the calibration (JSON)")
    calibrate_parser.add_argument(
        "--duplicates", type=Path, help="text file that lists files of the same picture, one line per picture"
    )
    calibrate_parser.add_argument("--name", default="own", help="name of the calibration (default: own)")
    calibrate_parser.add_argument("--data", default="A folder of photographs", help="description of the photographs")
    calibrate_parser.add_argument(
        "--max-edited", type=_parse_job_count, default=300, help="maximum number of photographs to edit (default: 300)"
    )
    calibrate_parser.add_argument("--cache", type=Path, help="cache folder for measurements, reused by later runs")
    calibrate_parser.add_argument("--jobs", type=_parse_job_count, default=1, help="number of processes (default: 1)")
    calibrate_parser.set_defaults(run=_calibrate)
    return parser


def _parse_drawing_path(text: str) -> Path:
    if Path(text).suffix.lower() not in DRAW_BY_SUFFIX:
        raise argparse.ArgumentTypeError(f"{text!r} has an unsupported suffix; use .jpg or .png")
    return Path(text)


def _parse_job_count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


if __name__ == "__main__":
    code = main()
    ignore_signals()
    sys.exit(code)
