"""``python -m tests.chaos rounds|soak``: many rounds of mishaps, or a long steady load; ends with 1 on any fault."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run the command given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rounds = commands.add_parser("rounds")
    rounds.add_argument(
        "--rounds", type=int, default=200, help="number of rounds, including those in the record (default: 200)"
    )
    rounds.add_argument("--seed", type=int, default=1)
    rounds.add_argument(
        "--record", type=Path, default=Path("var/chaos/record.jsonl"), help="record of rounds, one line each"
    )
    rounds.add_argument("--only", action="append", default=[], help="name of a mishap; repeatable")
    soak = commands.add_parser("soak")
    soak.add_argument("--seconds", type=float, default=3600)
    soak.add_argument("--every", type=float, default=30, help="seconds between measurements (default: 30)")
    soak.add_argument("--record", type=Path, default=Path("var/chaos/soak.jsonl"))
    options = parser.parse_args()
    for sign in (signal.SIGINT, signal.SIGTERM):  # a shell makes background jobs ignore the first
        signal.signal(sign, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="exhibit-chaos-"))
    try:
        _prepare(folder)
        if options.command == "rounds":
            from tests.chaos.many_rounds import run_rounds

            return run_rounds(folder, options.rounds, options.seed, options.record, options.only)
        from tests.chaos.soak import run_soak

        return run_soak(folder, options.seconds, options.every, options.record)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(folder: Path) -> None:
    """Configure Django without a database: the rows belong to the stack that runs."""
    folder.chmod(0o755)
    for name in [name for name in os.environ if name.startswith("EXHIBIT_")]:
        del os.environ[name]
    os.environ.update(EXHIBIT_DATA=str(folder / "own"), DATABASE_URL="", REDIS_URL="")
    os.environ["DJANGO_SETTINGS_MODULE"] = "desk.settings"
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
