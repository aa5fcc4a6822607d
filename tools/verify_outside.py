"""Verify a bundle with third-party programs only: run each script of tools/outside.

    python3 tools/verify_outside.py BUNDLE [--roots roots.pem] [--node URL] [--regtest]

Does not import Exhibit. Exits with 0 if all sections that could be run passed, and 1 if one failed.
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
MIN_DIFFICULTY = 5e13
"""Minimum difficulty of main chain blocks since 2024. Without a node, easier headers are not passed to ``ots``."""
FREE_EXPANSION, MAX_EXPANSION = 64 << 20, 100
_DIFFICULTY_ONE = 0xFFFF << 208


@dataclass(frozen=True)
class Section:
    """One script of the folder, and one section of docs/reference/verification-commands.md.

    Attributes:
        title: Its first line.
        requirements: Programs, ``python3:`` modules, variables in capitals, and file patterns. ``ByteRange:`` before a
            pattern requires a file that contains this word.
        description: Purpose of the section, in Markdown; paragraphs are separated by empty lines.
        commands: Shell commands.
    """

    title: str
    requirements: tuple[str, ...]
    description: str
    commands: str


@dataclass(frozen=True)
class Outcome:
    """Result of a section: ``passed``, ``FAILED`` or ``not run``, with the reason or the output."""

    title: str
    state: str
    output: str


def sections() -> list[Section]:
    """Return the sections in order. A script starts with comments: title, requirements and description."""
    results = []
    for path in sorted(FOLDER.glob("*.sh")):
        comments, _, lines = path.read_text("utf-8").partition("\n\n")
        title, requirements, *description = re.sub(r"^# ?", "", comments, flags=re.MULTILINE).split("\n\n")
        results.append(Section(title, tuple(re.findall(r"`([^`]+)`", requirements)), "\n\n".join(description), lines))
    return results


def run_sections(
    folder: Path, environment: Mapping[str, str], remarks: Mapping[str, str], only: Collection[str] = ()
) -> Iterator[Outcome]:
    """Run all sections, or only those titled ``only``, in an unpacked bundle. ``remarks`` are added to the output."""
    for section in sections():
        if only and section.title not in only:
            continue
        reasons = [
            reason for need in section.requirements if (reason := _find_missing_requirement(need, folder, environment))
        ]
        if reasons:
            yield Outcome(section.title, "not run", "; ".join(reasons))
            continue
        run = subprocess.run(
            ["sh", "-eu", "-c", section.commands],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        state = "passed" if run.returncode == 0 else "FAILED"
        notes = [remarks[need] for need in section.requirements if need in remarks]
        yield Outcome(section.title, state, "\n".join([*notes, run.stdout + run.stderr]).strip())


def _find_missing_requirement(requirement: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Return a message if the requirement is missing, otherwise an empty string."""
    if requirement.startswith("python3:"):
        command = ["python3", "-I", "-c", f"import {requirement.partition(':')[2]}"]
        result = subprocess.run(command, env=environment, capture_output=True, check=False)
        return f"the Python library {requirement.partition(':')[2]} isn't installed" if result.returncode else ""
    if requirement.startswith("ByteRange:"):
        files = folder.glob(requirement.partition(":")[2])
        return "" if any(b"/ByteRange" in path.read_bytes() for path in files) else "no document is signed"
    if "/" in requirement:
        return "" if any(folder.glob(requirement)) else f"the bundle holds no {requirement}"
    if requirement.isupper():
        return "" if environment.get(requirement) else f"{requirement} isn't given"
    return "" if shutil.which(requirement, path=environment["PATH"]) else f"{requirement} isn't installed"


def read_headers(folder: Path) -> dict[int, bytes]:
    """Return the block headers in the bundle, by height."""
    paths = {path.stem.partition("-")[2]: path for path in folder.glob("proofs/material/block-*.header")}
    path_by_height = {int(height): path for height, path in paths.items() if re.fullmatch("[0-9]{1,9}", height)}
    return {height: path.read_bytes() for height, path in sorted(path_by_height.items()) if path.stat().st_size == 80}


def compute_difficulty(header: bytes) -> float:
    """Return the difficulty of a header relative to the easiest main chain target; 0 if it misses its own target."""
    (bits,) = struct.unpack_from("<I", header, 72)
    exponent, mantissa = bits >> 24, bits & 0xFFFFFF
    target = mantissa << 8 * (exponent - 3) if 3 <= exponent <= 32 and mantissa <= 0x7FFFFF else 0
    return _DIFFICULTY_ONE / target if 0 < int(_format_block_hash(header), 16) <= target else 0.0


@contextmanager
def serve_blocks(headers: Mapping[int, bytes]) -> Iterator[str]:
    """Serve the Bitcoin node calls that ``ots`` makes, with these headers. Yields the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(headers))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://none:none@127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _make_handler(headers: Mapping[int, bytes]) -> type[BaseHTTPRequestHandler]:
    names = {_format_block_hash(data): data for data in headers.values()}

    def call_method(method: str, parameters: list[object]) -> object:
        if method == "getblockcount":
            return max(headers, default=0)
        if method == "getblockhash":
            height = int(str(parameters[0]))
            return _format_block_hash(headers[height]) if height in headers else None
        header = names.get(str(parameters[0])) if method == "getblockheader" else None
        return header.hex() if header else None

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = call_method(call["method"], call.get("params") or [])
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
            """Do not log requests."""

    return Handler


def _format_block_hash(header: bytes) -> str:
    """Return a block hash in its usual notation."""
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()[::-1].hex()


class InvalidBundleError(Exception):
    """The bundle cannot be unpacked. The message gives the reason."""


@contextmanager
def unpack_bundle(bundle: Path) -> Iterator[Path]:
    """Yield the folder with the bundle's files, unpacking a ZIP if necessary. Raises ``InvalidBundleError``."""
    with tempfile.TemporaryDirectory() as name:
        folder = bundle if bundle.is_dir() else Path(name)
        if not bundle.is_dir():
            _extract(bundle, folder)
        candidates = [path for path in folder.iterdir() if path.is_dir() and (path / "bagit.txt").is_file()]
        if not (folder / "bagit.txt").is_file() and len(candidates) != 1:
            raise InvalidBundleError(f"{bundle} is not a bundle: it contains no bagit.txt.")
        yield folder if (folder / "bagit.txt").is_file() else candidates[0]


def _extract(bundle: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(bundle) as archive:
            if (
                sum(info.file_size for info in archive.infolist())
                > FREE_EXPANSION + MAX_EXPANSION * bundle.stat().st_size
            ):
                raise InvalidBundleError(f"{bundle} is not a bundle: its unpacked size exceeds the limit.")
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise InvalidBundleError(f"{bundle} cannot be unpacked as a ZIP: {error}") from error


def verify_bundle(
    bundle: Path, roots: Path | None, node: str, *, regtest: bool, only: Collection[str] = ()
) -> list[Outcome]:
    """Return the results of all sections, or only of those titled ``only``. Raises ``InvalidBundleError``."""
    with unpack_bundle(bundle) as folder, tempfile.TemporaryDirectory() as work_folder:
        headers = {height: (data, compute_difficulty(data)) for height, data in read_headers(folder).items()}
        min_difficulty = 0.0 if regtest else MIN_DIFFICULTY
        accepted_headers = {
            height: data
            for height, (data, block_difficulty) in headers.items()
            if block_difficulty > 0 and block_difficulty >= min_difficulty
        }
        with serve_blocks(accepted_headers) as source:
            variables = {"ROOTS": str(roots.resolve()) if roots else "", "NODE": node or source, "WORK": work_folder}
            variables["OTS_CHAIN"] = "--btc-regtest" if regtest else ""
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            lines = [
                f"block {height}, {_format_block_hash(data)}: difficulty {block_difficulty:.3g}"
                for height, (data, block_difficulty) in headers.items()
            ]
            lines.append("without NODE, nothing shows that a block belongs to the chain")
            remarks = {} if node else {"NODE": "\n".join(lines)}
            return list(run_sections(folder, {**os.environ, **variables, "PATH": path}, remarks, only))


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
        results = verify_bundle(options.bundle, options.roots, options.node, regtest=options.regtest)
    except InvalidBundleError as error:
        print(f"error: {_replace_control_characters(str(error))}", file=sys.stderr)
        return 2
    for outcome in results:
        first, *rest = map(_replace_control_characters, outcome.output.splitlines() or [""])
        print(f"{outcome.state:<8}  {outcome.title}: {first}")
        for line in rest if outcome.state == "FAILED" else rest[:6]:
            print(f"          {line}")
    counts = {state: sum(outcome.state == state for outcome in results) for state in ("passed", "FAILED", "not run")}
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    return 1 if counts["FAILED"] else 0


def _replace_control_characters(text: str) -> str:
    """Replace characters that could control a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


if __name__ == "__main__":
    sys.exit(main())
