"""Files of packages that others publish, by name and version, with the ordinary clients of their registries."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_SECONDS = 300
_CLIENTS: Mapping[str, Sequence[str]] = {
    "npm": ("npm", "pack", "--silent", "{0}@{1}"),
    "pypi": ("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "{0}=={1}"),
    "pypi-source": ("pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "{0}=={1}"),
    "debian": ("apt-get", "download", "-qq", "{0}={1}"),
}
"""What fetches a package into the folder in which it runs, by the registry's name."""


def fetched(folder: Path, registry: str, package: str, version: str) -> Path | None:
    """The files of a package, unpacked once below this folder; nothing, and a word on stderr, when it can't be had."""
    unpacked = folder / f"{package.replace('/', '-')}-{version}"
    if unpacked.exists():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        command = [part.format(package, version) for part in _CLIENTS[registry]]
        done = None
        if shutil.which(command[0]) is not None:
            done = subprocess.run(command, cwd=place, capture_output=True, check=False, timeout=_SECONDS)
        archives = list(place.iterdir())
        if done is None or done.returncode or len(archives) != 1:
            print(f"{package} {version} can't be fetched with {command[0]}, and is left out.", file=sys.stderr)
            return None
        _unpack(archives[0], place / "files")
        (place / "files").rename(unpacked)
    return unpacked


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True, timeout=_SECONDS)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)  # noqa: S202 - zipfile leaves no name above the folder
    else:
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data")
