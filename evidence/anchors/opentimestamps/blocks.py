"""Sources of block headers: the operator's Bitcoin node, or a public block explorer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import requests

from evidence.anchors.fetch import send_request
from evidence.anchors.opentimestamps.proofs import Network, parse_header
from exhibit.errors import ConfigError, IntegrityError, ServiceMissingError


@dataclass(frozen=True, slots=True, repr=False)
class JsonRpcBlocks:
    """Client of Bitcoin Core's JSON-RPC interface; raises ``ConfigError`` for an unknown network.

    The credentials are a file with the line ``user:password``, such as Bitcoin Core's ``.cookie``. The file is read for
    every call, because the node rewrites it at each start.
    """

    url: str
    session: requests.Session
    network: Network = "main"
    credentials: Path | None = None

    def __post_init__(self) -> None:
        if self.network not in {"main", "regtest"}:
            raise ConfigError(f"Unknown Bitcoin network {self.network!r}.", hint="Use main or regtest.")

    def get_tip_height(self) -> int:
        """Return the height of the newest block."""
        height = self._call("getblockcount")
        if type(height) is not int:
            raise ServiceMissingError("The Bitcoin node did not return a block height.")
        return height

    def fetch_header(self, height: int) -> bytes:
        """Return the 80-byte header at a height."""
        block_hash = str(self._call("getblockhash", height))
        return _validate_header(str(self._call("getblockheader", block_hash, False)), block_hash)  # noqa: FBT003 - raw header

    def _call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON
        request = json.dumps({"jsonrpc": "1.0", "id": "exhibit", "method": method, "params": parameters})
        headers = {"Content-Type": "application/json"}
        status, body = send_request(self.session, self.url, request.encode(), headers, self._read_credentials())
        if status in {401, 403}:
            sentence = f"The Bitcoin node rejected the credentials (status {status})."
            raise ServiceMissingError(sentence, hint="Set bitcoin_credentials.")
        try:
            response = json.loads(body)
            error, result = response["error"], response["result"]
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise ServiceMissingError(f"The Bitcoin node's response is not valid (status {status}).") from problem
        if error is not None or result is None:
            raise ServiceMissingError(f"The Bitcoin node refused {method}: {error}.")
        return result

    def _read_credentials(self) -> tuple[str, str] | None:
        if self.credentials is None:
            return None
        try:
            user, _, password = self.credentials.read_text("utf-8").strip().partition(":")
        except (OSError, UnicodeDecodeError) as error:
            hint = "The Bitcoin node writes this file when it starts."
            raise ServiceMissingError(f"{self.credentials} cannot be read.", hint=hint) from error
        return user, password


@dataclass(frozen=True, slots=True, repr=False)
class EsploraBlocks:
    """Client of an Esplora HTTP interface, such as ``https://blockstream.info/api`` for the main chain."""

    network: ClassVar[Network] = "main"

    url: str
    session: requests.Session

    def get_tip_height(self) -> int:
        """Return the height of the newest block."""
        text = self._get("/blocks/tip/height")
        if not text.isdecimal():
            raise ServiceMissingError("The block explorer did not return a block height.")
        return int(text)

    def fetch_header(self, height: int) -> bytes:
        """Return the 80-byte header at a height."""
        block_hash = self._get(f"/block-height/{height}")
        return _validate_header(self._get(f"/block/{block_hash}/header"), block_hash)

    def _get(self, path: str) -> str:
        status, body = send_request(self.session, self.url.rstrip("/") + path)
        if status != 200 or len(body) > 1000:
            raise ServiceMissingError(f"The block explorer returned status {status} for {path}.")
        return body.decode("ascii", "replace").strip()


BlockSource = JsonRpcBlocks | EsploraBlocks
"""Source of headers of one network; raises ``ServiceMissingError``, also if there is no such block."""


def _validate_header(text: str, block_hash: str) -> bytes:
    """Decode a hexadecimal header and check that it has the requested hash."""
    try:
        data = bytes.fromhex(text)
        is_valid = parse_header(data).display_hash == block_hash
    except (ValueError, IntegrityError):
        is_valid = False
    if not is_valid:
        raise ServiceMissingError("The source of blocks returned a different header from the one requested.")
    return data
