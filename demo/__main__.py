"""Run the demonstration: `python -m demo [--out FOLDER] [--photos FOLDER]`."""

import argparse
import shutil
import sys
from pathlib import Path

from demo.display import Display
from demo.image_stock import ASSETS
from demo.run import STAGE_COUNT, run_demo
from demo.table import format_summary, format_table
from exhibit.errors import ExhibitError, ExitCode, InvalidRequestError
from exhibit.interrupts import install_interrupt_handlers

MARKER_NAME = "made-by-demo.txt"


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration and return an exit code."""
    install_interrupt_handlers()
    options = _build_parser().parse_args(arguments)
    display = Display(STAGE_COUNT, sys.stdout)
    try:
        out = _prepare_folder(options.out.resolve())
        result = run_demo(out, options.photos.resolve(), display)
    except ExhibitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; the servers were stopped.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    (out / "summary.json").write_text(format_summary(result), "utf-8")
    display.print_lines(format_table(result, out, f"EXHIBIT_DATA={out / 'data'} {sys.executable} -m desk up"))
    return ExitCode.CHECK_FAILED if result.failures else ExitCode.DONE


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Run all of Exhibit once: register works, crawl three sample sites, and seal the evidence.",
        epilog="Examples: python -m demo; python -m demo --photos ~/Pictures/mine --out /tmp/demo",
    )
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="output folder (default: demo-out)")
    parser.add_argument(
        "--photos",
        type=Path,
        default=ASSETS / "works",
        help="folder of pictures to register (default: the included ones)",
    )
    return parser


def _prepare_folder(folder: Path) -> Path:
    """Create the output folder. The folder of an earlier demonstration is emptied; other folders must be empty.

    Raises:
        InvalidRequestError: The folder contains other files.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER_NAME).exists():
        raise InvalidRequestError(f"{folder} contains other files.", hint="Choose an empty or new folder with --out.")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER_NAME).write_text(
        "This folder was created by the demonstration, which deletes its content on the next run.\n"
    )
    return folder


if __name__ == "__main__":
    sys.exit(main())
