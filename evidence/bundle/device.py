"""Counter-signing on an owner's own device, offline: what would be signed is shown, then signed."""

import os
from pathlib import Path

from evidence.bundle.bag import public_pem
from evidence.bundle.manifest import Manifest
from evidence.keys.ed25519 import FileSigner, signer_from_file
from exhibit.digests import Digest
from exhibit.errors import WrongUseError

MAX_MANIFEST = 16 << 20


def make_key(path: Path) -> bytes:
    """Make a key in a file that only its user may read; returns its public half, which lies beside it as ``.pub``."""
    if path.exists():
        raise WrongUseError(f"There is a file {path} already.", hint="Name another one; a key is never overwritten.")
    try:
        public = FileSigner(path).public_key
        path.with_name(f"{path.name}.pub").write_bytes(public_pem(public))
    except OSError as error:
        raise WrongUseError(f"{path} can't be written: {error.strerror}.") from error
    return public


def counter_sign(key: Path, manifest: Path, out: Path) -> tuple[Manifest, Digest, bytes]:
    """Sign a manifest with a key of this device (PEM, mode 0600); returns it, its digest and the public key.

    Raises ``ConfigError`` when the key can't be read or others may read it, ``FormatError`` when the file isn't a
    manifest, and ``WrongUseError`` when a file can't be read or written.
    """
    signer = signer_from_file(key)
    try:
        data = manifest.read_bytes()
        if len(data) > MAX_MANIFEST:
            raise WrongUseError(f"{manifest} is too large for a manifest.")
        read = Manifest.from_json(data)
        out.write_bytes(signer.sign(data))
    except OSError as error:
        raise WrongUseError(f"{os.fspath(error.filename)} can't be used: {error.strerror}.") from error
    return read, Digest.of(data), signer.public_key
