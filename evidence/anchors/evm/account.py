"""Account that pays for timestamps: it holds the key and signs transactions. The key never leaves the object."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import rlp
from eth_hash.auto import keccak
from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import PrivateKey
from eth_utils import to_checksum_address

from exhibit.errors import ConfigError, ServiceMissingError


class EvmAccount:
    """Account with a secp256k1 key of 32 bytes; raises ``ConfigError`` if the key is invalid."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32 or not 0 < int.from_bytes(key, "big") < SECPK1_N:  # the library's error contains the key
            raise ConfigError("The account's key does not have 32 bytes.")
        private_key = PrivateKey(key)
        self.address: bytes = private_key.public_key.to_canonical_address()

        def sign(digest: bytes) -> tuple[int, int, int]:
            v, r, s = private_key.sign_msg_hash(digest).vrs
            return v, r, s

        self._sign = sign  # a closure, because the library's key object would show the key

    def __repr__(self) -> str:
        return f"EvmAccount({to_checksum_address(self.address)})"

    def sign(self, *, chain: int, nonce: int, gas_price: int, gas: int, to: bytes, data: bytes) -> bytes:
        """Sign a legacy transaction for one chain (EIP-155); every EVM chain accepts this type.

        The nonce is the number of the account's earlier transactions; the price is in wei per unit of gas. ``to`` is a
        contract's address of 20 bytes, or empty to create one from the bytecode in ``data``.
        """
        fields = [nonce, gas_price, gas, to, 0, data]
        v, r, s = self._sign(keccak(rlp.encode([*fields, chain, 0, 0])))
        return bytes(rlp.encode([*fields, v + 35 + 2 * chain, r, s]))


def load_account_file(path: Path, password: Path | None = None) -> EvmAccount:
    """Load an account from a key file: Web3 Secret Storage (JSON), or hexadecimal digits.

    A file with hexadecimal digits and the password file must be readable only by the user that runs Exhibit.

    Raises:
        ConfigError: The file cannot be read or is readable by other users, or the password is wrong; the message never
            contains the key.
        ServiceMissingError: The key is encrypted, and the optional component ``evm`` is not installed.
    """
    try:
        text = path.read_text("ascii")
        if text.lstrip().startswith("{"):
            return EvmAccount(_decrypt(path, text, password))
        _check_file_mode(path)
        return EvmAccount(_parse_hex_key(text))
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"The account's key in {path} cannot be read.") from None


def load_account_from_environment(name: str, environ: Mapping[str, str] = os.environ) -> EvmAccount:
    """Load an account from an environment variable with the key in hexadecimal digits; raises ``ConfigError``."""
    if not environ.get(name):
        raise ConfigError(f"The environment variable {name} for the account's key is not set.")
    return EvmAccount(_parse_hex_key(environ[name]))


def _check_file_mode(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"Other users can read {path}.", hint=f"Run: chmod 600 {path}")


def _decrypt(path: Path, text: str, password: Path | None) -> bytes:
    if password is None:
        raise ConfigError(f"The key in {path} is encrypted.", hint="Set password_file.")
    password_bytes = _read_password(password)
    try:
        from eth_keyfile import decode_keyfile_json  # noqa: PLC0415 - optional dependency
    except ImportError as error:
        hint = "Install it with: python3 tools/bootstrap.py runtime evm"
        sentence = "Encrypted keys require the optional component evm, which is not installed."
        raise ServiceMissingError(sentence, hint=hint, retry=False) from error
    try:
        key: bytes = decode_keyfile_json(json.loads(text), password_bytes)
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError, NotImplementedError):
        reason = f"the password in {password} is wrong, or the file is damaged or is not Web3 Secret Storage."
        raise ConfigError(f"The key in {path} cannot be decrypted: {reason}") from None
    return key


def _read_password(path: Path) -> bytes:
    try:
        _check_file_mode(path)
        return path.read_text("utf-8").strip().encode()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"The password in {path} cannot be read.", hint="It is set in password_file.") from None


def _parse_hex_key(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        raise ConfigError("The account's key is not written in hexadecimal digits.") from None
