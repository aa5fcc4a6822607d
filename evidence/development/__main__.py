"""Start a development timestamp service: ``python -m evidence.development authority|chain --folder DIR``."""

import argparse
import signal
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from evidence.development.authority import DevelopmentAuthority, run_authority
from evidence.development.certificates import TITLE
from evidence.development.chain import Chain, run_chain
from exhibit.errors import ExhibitError, ExitCode

EXAMPLES = """examples:
  python -m evidence.development authority --folder var/authority --port 3161
  python -m evidence.development chain --folder var/chain --port 3162 --every 5
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve on loopback until interrupted; the first line of output is the URL."""
    options = _build_parser().parse_args(arguments)
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    service: AbstractContextManager[DevelopmentAuthority | Chain] = run_authority(options.folder, options.port)
    if options.service == "chain":
        service = run_chain(options.folder, options.port, options.every)
    try:
        with service as running_service:
            print(running_service.url, flush=True)
            stop.wait()
    except ExhibitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        resource = f"The port {options.port}" if error.filename is None else error.filename
        print(f"{resource} cannot be used: {error.strerror}.", file=sys.stderr)
        return ExitCode.SERVICE_MISSING
    return ExitCode.DONE


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evidence.development",
        description=f"Run a test timestamp service on this machine. {TITLE}.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "service", choices=["authority", "chain"], help="timestamp authority, or OpenTimestamps calendar with a chain"
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder for its keys or blocks")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--every", type=float, default=1.0, help="chain only: seconds between blocks (default: 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
