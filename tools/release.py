"""Create the files of a release from the checked-out commit, reproducibly.

    python tools/release.py         the archive, verify.html, the SBOM and SHA256SUMS in dist/
    python tools/release.py sbom    the SBOM alone

The archive contains the files of HEAD in git's order, with the commit time. The SBOM (CycloneDX 1.6) lists every
package that ``requirements/`` pins for the product, including optional components, with the hashes of all its files
and, if it is installed here, its licence.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECT_NAME = "exhibit"
_PIN_PATTERN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH_PATTERN = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def main(arguments: list[str]) -> int:
    """Run the command in the arguments. Returns 2 for invalid arguments and for uncommitted changes."""
    if arguments not in ([], ["sbom"]):
        print(__doc__)
        return 2
    out = ROOT / "dist"
    if arguments:
        paths = [write_file(out / f"{PROJECT_NAME}-{read_version()}.cdx.json", create_sbom(get_commit_time()))]
    elif run_git("status", "--porcelain", "--untracked-files=no"):
        print("make release: there are uncommitted changes. Commit or discard them.", file=sys.stderr)
        return 2
    else:
        paths = release(out)
    for path in paths:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}")
    return 0


def release(out: Path) -> list[Path]:
    """Create all files of a release in a folder. Returns their paths, the checksums last."""
    page = subprocess.run([sys.executable, "-m", "evidence", "page"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [
        write_file(out / f"{PROJECT_NAME}-{read_version()}.tar.gz", create_archive()),
        write_file(out / "verify.html", page),
        write_file(out / f"{PROJECT_NAME}-{read_version()}.cdx.json", create_sbom(get_commit_time())),
    ]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
    return [*paths, write_file(out / "SHA256SUMS", sums.encode())]


def create_archive() -> bytes:
    """Return the gzipped TAR archive of HEAD. It is reproducible on any machine."""
    data = run_git(
        "-c", "tar.umask=0022", "archive", "--format=tar", f"--prefix={PROJECT_NAME}-{read_version()}/", "HEAD"
    )
    return gzip.compress(data, compresslevel=9, mtime=0)


def create_sbom(timestamp: datetime) -> bytes:
    """Return the list of packages as CycloneDX JSON.

    Args:
        timestamp: Time stated in the document.
    """
    files = ["runtime.txt", "redis.txt", "extras.txt"]
    packages: dict[str, dict[str, Any]] = {}
    for name in files:
        for requirement in parse_pins((ROOT / "requirements" / name).read_text(encoding="utf-8")):
            packages.setdefault(requirement["bom-ref"], requirement)
    root = {"type": "application", "bom-ref": PROJECT_NAME, "name": PROJECT_NAME, "version": read_version()}
    components = [packages[ref] for ref in sorted(packages)]
    content = json.dumps([root, components], sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": root | {"licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": components,
        "dependencies": [{"ref": PROJECT_NAME, "dependsOn": sorted(packages)}],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def parse_pins(text: str) -> list[dict[str, Any]]:
    """Return the packages of a requirement file, each as a component."""
    components = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text.replace("\\\n", " ")):
        if pin := _PIN_PATTERN.match(entry):
            name, number = re.sub(r"[-_.]+", "-", pin[1]).lower(), pin[2]
            purl = f"pkg:pypi/{name}@{number}"
            hashes = [{"alg": "SHA-256", "content": digest} for digest in sorted(_HASH_PATTERN.findall(entry))]
            components.append(
                {
                    "type": "library",
                    "bom-ref": purl,
                    "name": name,
                    "version": number,
                    **find_licence(name, number),
                    "purl": purl,
                    # Each file of a package has its own hash; which file is installed depends on the platform.
                    "externalReferences": [{"type": "distribution", "url": purl, "hashes": hashes}],
                }
            )
    return components


def find_licence(name: str, number: str) -> dict[str, Any]:
    """Return the licence stated by a package, if exactly this version is installed here."""
    try:
        package = metadata(name)
    except PackageNotFoundError:
        return {}
    if package["Version"] != number:
        return {}
    if expression := package.get_all("License-Expression"):
        return {"licenses": [{"expression": expression[0]}]}
    labels = [
        classifier.rpartition(" :: ")[2]
        for classifier in package.get_all("Classifier") or ()
        if classifier.startswith("License :: ")
    ]
    licence_text = "".join(package.get_all("License") or ()).strip().split("\n")[0][:200]
    names = [classifier for classifier in labels if classifier != "OSI Approved"] or (
        [licence_text] if licence_text else []
    )
    return {"licenses": [{"license": {"name": classifier}} for classifier in names]} if names else {}


def read_version() -> str:
    """Return the version in ``pyproject.toml``."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def get_commit_time() -> datetime:
    """Return the commit time of HEAD."""
    return datetime.fromtimestamp(int(run_git("log", "-1", "--format=%ct")), UTC)


def run_git(*arguments: str) -> bytes:
    """Run git and return its output."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def write_file(path: Path, data: bytes) -> Path:
    """Write a file and return its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
