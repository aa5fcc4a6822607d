"""Sources of block headers: the operator's own node, or a public explorer."""

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
    """Bitcoin Core's JSON-RPC; raises ``ConfigError`` for an unknown network.

    The credentials are a file with ``user:password`` in one line, like Bitcoin Core's ``.cookie``; it is read for every
    call, because the node rewrites it at each start.
    """

    url: str
    session: requests.Session
    network: Network = "main"
    credentials: Path | None = None

    def __post_init__(self) -> None:
        if self.network not in {"main", "regtest"}:
            raise ConfigError(f"There is no Bitcoin network {self.network!r}.", hint="It is main or regtest.")

    def tip(self) -> int:
        """Return the height of the newest block."""
        height = self._call("getblockcount")
        if type(height) is not int:
            raise ServiceMissingError("The Bitcoin node answered with something that isn't a height.")
        return height

    def header(self, height: int) -> bytes:
        """Return the 80-byte header at a height."""
        block = str(self._call("getblockhash", height))
        return _validate_header(str(self._call("getblockheader", block, False)), block)  # noqa: FBT003 - the node's own parameter: not decoded

    def _call(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - whatever the node answers
        request = json.dumps({"jsonrpc": "1.0", "id": "exhibit", "method": method, "params": parameters})
        headers = {"Content-Type": "application/json"}
        status, body = send_request(self.session, self.url, request.encode(), headers, self._read_credentials())
        if status in {401, 403}:
            sentence = f"The Bitcoin node wants other credentials (status {status})."
            raise ServiceMissingError(sentence, hint="Set bitcoin_credentials.")
        try:
            response = json.loads(body)
            error, result = response["error"], response["result"]
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise ServiceMissingError(f"The Bitcoin node answered with status {status}, not as a node.") from problem
        if error is not None or result is None:
            raise ServiceMissingError(f"The Bitcoin node refused {method}: {error}.")
        return result

    def _read_credentials(self) -> tuple[str, str] | None:
        if self.credentials is None:
            return None
        try:
            user, _, password = self.credentials.read_text("utf-8").strip().partition(":")
        except (OSError, UnicodeDecodeError) as error:
            hint = "The Bitcoin node writes it when it starts."
            raise ServiceMissingError(f"{self.credentials} can't be read.", hint=hint) from error
        return user, password


@dataclass(frozen=True, slots=True, repr=False)
class EsploraBlocks:
    """The HTTP interface of Esplora, such as ``https://blockstream.info/api`` for the main chain."""

    network: ClassVar[Network] = "main"

    url: str
    session: requests.Session

    def tip(self) -> int:
        """Return the height of the newest block."""
        text = self._get("/blocks/tip/height")
        if not text.isdecimal():
            raise ServiceMissingError("The block explorer answered with something that isn't a height.")
        return int(text)

    def header(self, height: int) -> bytes:
        """Return the 80-byte header at a height."""
        block = self._get(f"/block-height/{height}")
        return _validate_header(self._get(f"/block/{block}/header"), block)

    def _get(self, path: str) -> str:
        status, body = send_request(self.session, self.url.rstrip("/") + path)
        if status != 200 or len(body) > 1000:
            raise ServiceMissingError(f"The block explorer answered {path} with status {status}.")
        return body.decode("ascii", "replace").strip()


BlockSource = JsonRpcBlocks | EsploraBlocks
"""Source of headers of one network; raises ``ServiceMissingError``, also if there is no such block."""


def _validate_header(text: str, block: str) -> bytes:
    """Return a header from its hexadecimal form after checking that it has the requested hash."""
    try:
        data = bytes.fromhex(text)
        fits = parse_header(data).text == block
    except (ValueError, IntegrityError):
        fits = False
    if not fits:
        raise ServiceMissingError("The source of blocks gave something that isn't the header asked for.")
    return data
