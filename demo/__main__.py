"""`python -m demo [--out FOLDER] [--photos FOLDER]`: run the whole product once."""

import argparse
import shutil
import sys
from pathlib import Path

from demo.display import Display
from demo.run import STAGES, run
from demo.stock import ASSETS
from demo.table import summary, table
from exhibit.errors import ExhibitError, ExitCode, WrongUseError
from exhibit.interrupts import hear_interrupts

MARK = "made-by-demo.txt"


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration and return an exit code."""
    hear_interrupts()
    options = _build_parser().parse_args(arguments)
    display = Display(STAGES, sys.stdout)
    try:
        out = _emptied(options.out.resolve())
        result = run(out, options.photos.resolve(), display)
    except ExhibitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; the servers were stopped.", file=sys.stderr)
        return ExitCode.INTERRUPTED
    (out / "summary.json").write_text(summary(result), "utf-8")
    display.say(table(result, out, f"EXHIBIT_DATA={out / 'data'} {sys.executable} -m desk up"))
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


def _emptied(out: Path) -> Path:
    """Create the output folder. The folder of an earlier demonstration is emptied; any other must be empty.

    Raises:
        WrongUseError: The folder contains other files.
    """
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise WrongUseError(f"{out} contains other files.", hint="Choose an empty or new folder with --out.")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / MARK).write_text(
        "This folder was created by the demonstration, which deletes its content on the next run.\n"
    )
    return out


if __name__ == "__main__":
    sys.exit(main())
