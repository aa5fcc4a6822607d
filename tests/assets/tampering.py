"""Functions for a forger: take a bundle apart, change files, and make bag and ZIP consistent again."""

import hashlib
import io
import zipfile
from pathlib import Path

from evidence.formats.container import create_member, iterate_zip_chunks

LISTS = {"manifest-sha256.txt": "sha256", "manifest-sha512.txt": "sha512"}


def read_files(bundle: Path) -> dict[str, bytes]:
    """Return every file of a bundle by name."""
    with zipfile.ZipFile(bundle) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    """Write files into the same container as the bundle writer."""
    path.write_bytes(zip_bytes(files))
    return path


def zip_bytes(files: dict[str, bytes]) -> bytes:
    """Return the bytes of that container."""
    return b"".join(iterate_zip_chunks(create_member(name, data) for name, data in files.items()))


def update_bag(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with all lists of the bag updated."""
    new = dict(files)
    data = sorted(name for name in new if name.startswith("data/"))
    for name, algorithm in LISTS.items():
        new[name] = _lines(new, data, algorithm)
    oxum = f"Payload-Oxum: {sum(len(new[name]) for name in data)}.{len(data)}"
    info = new["bag-info.txt"].decode().splitlines()
    seal = f"External-Identifier: sha-256:{hashlib.sha256(new['data/manifest.json']).hexdigest()}"
    fresh = {"Payload-Oxum": oxum, "External-Identifier": seal}
    new["bag-info.txt"] = "".join(f"{fresh.get(line.partition(':')[0], line)}\n" for line in info).encode()
    tags = sorted(name for name in new if not name.startswith("data/") and name != "tagmanifest-sha256.txt")
    new["tagmanifest-sha256.txt"] = _lines(new, tags, "sha256")
    return new


def pack_otherwise(files: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED, folder: str = "") -> bytes:
    """Pack the files as another program would: compressed, dated today, in another order, with folders."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as target:
        if folder:
            target.mkdir(folder.rstrip("/"))
        for name in sorted(files, reverse=True):
            target.writestr(folder + name, files[name])
    return out.getvalue()


def _lines(files: dict[str, bytes], names: list[str], algorithm: str) -> bytes:
    return "".join(f"{hashlib.new(algorithm, files[name]).hexdigest()}  {name}\n" for name in names).encode()
