"""Verify a bundle with third-party programs only: runs each script of tools/outside.

    python3 tools/verify_outside.py BUNDLE [--roots roots.pem] [--node URL] [--regtest]

Needs nothing else of this project. Exits with 0 if all sections that could be run passed, 1 if one failed.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).resolve().with_name("outside")
MINIMUM_DIFFICULTY = 5e13
"""Difficulty of main chain blocks since 2024. Without a node, easier headers are not passed to ``ots``."""
FREE_EXPANSION, MAX_EXPANSION = 64 << 20, 100
_DIFFICULTY_ONE = 0xFFFF << 208


@dataclass(frozen=True)
class Section:
    """One script of the folder, and one section of docs/reference/verification-commands.md.

    Attributes:
        title: Its first line.
        needs: Programs, ``python3:`` modules, variables in capitals, and patterns of files; ``ByteRange:`` before a
            pattern requires a file that contains this word.
        about: What it shows, in Markdown; paragraphs are separated by empty lines.
        lines: Commands for a shell.
    """

    title: str
    needs: tuple[str, ...]
    about: str
    lines: str


@dataclass(frozen=True)
class Outcome:
    """Result of a section: ``passed``, ``FAILED`` or ``not run``, with the reason or the output."""

    title: str
    state: str
    words: str


def sections() -> list[Section]:
    """Return the sections in order. A script starts with comments: title, requirements, and what it shows."""
    results = []
    for path in sorted(FOLDER.glob("*.sh")):
        comments, _, lines = path.read_text("utf-8").partition("\n\n")
        title, needs, *about = re.sub(r"^# ?", "", comments, flags=re.MULTILINE).split("\n\n")
        results.append(Section(title, tuple(re.findall(r"`([^`]+)`", needs)), "\n\n".join(about), lines))
    return results


def check(
    folder: Path, environment: Mapping[str, str], remarks: Mapping[str, str], only: Collection[str] = ()
) -> Iterator[Outcome]:
    """Run all sections, or only those titled ``only``, in an unpacked bundle. ``remarks`` are added by requirement."""
    for section in sections():
        if only and section.title not in only:
            continue
        reasons = [reason for need in section.needs if (reason := _lacks(need, folder, environment))]
        if reasons:
            yield Outcome(section.title, "not run", "; ".join(reasons))
            continue
        run = subprocess.run(
            ["sh", "-eu", "-c", section.lines],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        state = "passed" if run.returncode == 0 else "FAILED"
        notes = [remarks[need] for need in section.needs if need in remarks]
        yield Outcome(section.title, state, "\n".join([*notes, run.stdout + run.stderr]).strip())


def _lacks(need: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Return the reason why a section cannot be run, or an empty string."""
    if need.startswith("python3:"):
        line = ["python3", "-I", "-c", f"import {need.partition(':')[2]}"]
        done = subprocess.run(line, env=environment, capture_output=True, check=False)
        return f"the Python library {need.partition(':')[2]} isn't installed" if done.returncode else ""
    if need.startswith("ByteRange:"):
        files = folder.glob(need.partition(":")[2])
        return "" if any(b"/ByteRange" in path.read_bytes() for path in files) else "no document is signed"
    if "/" in need:
        return "" if any(folder.glob(need)) else f"the bundle holds no {need}"
    if need.isupper():
        return "" if environment.get(need) else f"{need} isn't given"
    return "" if shutil.which(need, path=environment["PATH"]) else f"{need} isn't installed"


def headers_of(folder: Path) -> dict[int, bytes]:
    """Return the block headers in the bundle, by height."""
    paths = {path.stem.partition("-")[2]: path for path in folder.glob("proofs/material/block-*.header")}
    path_by_height = {int(height): path for height, path in paths.items() if re.fullmatch("[0-9]{1,9}", height)}
    return {height: path.read_bytes() for height, path in sorted(path_by_height.items()) if path.stat().st_size == 80}


def difficulty(header: bytes) -> float:
    """Return the difficulty of a header relative to the easiest main chain target; 0 if it misses its own target."""
    (bits,) = struct.unpack_from("<I", header, 72)
    exponent, mantissa = bits >> 24, bits & 0xFFFFFF
    target = mantissa << 8 * (exponent - 3) if 3 <= exponent <= 32 and mantissa <= 0x7FFFFF else 0
    return _DIFFICULTY_ONE / target if 0 < int(_name(header), 16) <= target else 0.0


@contextmanager
def blocks_of(headers: Mapping[int, bytes]) -> Iterator[str]:
    """Serve the Bitcoin node calls that ``ots`` makes, with these headers. Yields the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(headers))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://none:none@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(headers: Mapping[int, bytes]) -> type[BaseHTTPRequestHandler]:
    names = {_name(data): data for data in headers.values()}

    def answer(method: str, parameters: list[object]) -> object:
        if method == "getblockcount":
            return max(headers, default=0)
        if method == "getblockhash":
            height = int(str(parameters[0]))
            return _name(headers[height]) if height in headers else None
        found = names.get(str(parameters[0])) if method == "getblockheader" else None
        return found.hex() if found else None

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = answer(call["method"], call.get("params") or [])
            error = (
                None
                if result is not None
                else {"code": -8, "message": "the bundle brings no such block, or one with too little work"}
            )
            body = json.dumps({"result": result, "error": error, "id": call.get("id")}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler


def _name(header: bytes) -> str:
    """Return a block hash in its usual notation."""
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()[::-1].hex()


class NoBundleError(Exception):
    """The bundle cannot be unpacked. The message gives the reason."""


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """Yield the folder with the bundle's files, unpacking a ZIP if necessary. Raises ``NoBundleError``."""
    with tempfile.TemporaryDirectory() as name:
        folder = bundle if bundle.is_dir() else Path(name)
        if not bundle.is_dir():
            _extract(bundle, folder)
        inside = [path for path in folder.iterdir() if path.is_dir() and (path / "bagit.txt").is_file()]
        if not (folder / "bagit.txt").is_file() and len(inside) != 1:
            raise NoBundleError(f"{bundle} is not a bundle: it contains no bagit.txt.")
        yield folder if (folder / "bagit.txt").is_file() else inside[0]


def _extract(bundle: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(bundle) as packed:
            if (
                sum(info.file_size for info in packed.infolist())
                > FREE_EXPANSION + MAX_EXPANSION * bundle.stat().st_size
            ):
                raise NoBundleError(f"{bundle} is not a bundle: its unpacked size exceeds the limit.")
            packed.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise NoBundleError(f"{bundle} cannot be unpacked as a ZIP: {error}") from error


def outcomes(
    bundle: Path, roots: Path | None, node: str, *, regtest: bool, only: Collection[str] = ()
) -> list[Outcome]:
    """Return the results of all sections, or only of those titled ``only``. Raises ``NoBundleError``."""
    with unpacked(bundle) as folder, tempfile.TemporaryDirectory() as work:
        headers = {height: (data, difficulty(data)) for height, data in headers_of(folder).items()}
        least = 0.0 if regtest else MINIMUM_DIFFICULTY
        good = {height: data for height, (data, done) in headers.items() if done > 0 and done >= least}
        with blocks_of(good) as source:
            variables = {"ROOTS": str(roots.resolve()) if roots else "", "NODE": node or source, "WORK": work}
            variables["OTS_CHAIN"] = "--btc-regtest" if regtest else ""
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            lines = [
                f"block {height}, {_name(data)}: difficulty {done:.3g}" for height, (data, done) in headers.items()
            ]
            lines.append("without NODE, nothing shows that a block belongs to the chain")
            remarks = {} if node else {"NODE": "\n".join(lines)}
            return list(check(folder, {**os.environ, **variables, "PATH": path}, remarks, only))


def main() -> int:
    """Run the command. Returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="verify_outside.py", description="Verify a bundle with third-party programs only."
    )
    parser.add_argument("bundle", type=Path, help="bundle: a ZIP or an unpacked folder")
    parser.add_argument("--roots", type=Path, help="PEM file of trusted root certificates of timestamp authorities")
    parser.add_argument(
        "--node",
        default="",
        help="URL of your Bitcoin node; by default the block headers in the bundle, after checking their work",
    )
    parser.add_argument("--regtest", action="store_true", help="the blocks are from a regtest chain")
    options = parser.parse_args()
    if not options.bundle.exists():
        print(f"error: {options.bundle} does not exist", file=sys.stderr)
        return 2
    try:
        results = outcomes(options.bundle, options.roots, options.node, regtest=options.regtest)
    except NoBundleError as error:
        print(f"error: {_printable(str(error))}", file=sys.stderr)
        return 2
    for outcome in results:
        first, *rest = map(_printable, outcome.words.splitlines() or [""])
        print(f"{outcome.state:<8}  {outcome.title}: {first}")
        for line in rest if outcome.state == "FAILED" else rest[:6]:
            print(f"          {line}")
    counts = {state: sum(outcome.state == state for outcome in results) for state in ("passed", "FAILED", "not run")}
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    return 1 if counts["FAILED"] else 0


def _printable(text: str) -> str:
    """Replace characters that could control a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


if __name__ == "__main__":
    sys.exit(main())
