"""Verification of signed contribution accounts by their recipients, without database or servers."""

from evidence.formats.codec import FormatError, parse_json
from evidence.keys.ed25519 import is_valid_signature
from evidence.log.notes import parse_verifier_key
from exhibit.entries import canonical
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Json

FORMAT = "exhibit-edge-account/1"
MAX_BYTES = 4 << 20


def read_account(data: bytes, key: str = "") -> dict[str, Json]:
    """Parse an account and verify its signature, with the log's ``key`` if given, else with the key it contains.

    Raises:
        WrongUseError: The data is not an account.
        IntegrityError: The account was changed, or signed with another key.
    """
    try:
        plain = parse_json(data, what="The account", limit=MAX_BYTES)
        signature, account_key = bytes.fromhex(plain.pop("signature")), str(plain["key"])
        is_valid = plain["format"] == FORMAT and all(row["name"] for row in plain["contributors"])
        signed = canonical(plain)
    except (FormatError, ValueError, TypeError, KeyError, AttributeError):
        is_valid = False
    if not is_valid:
        hint = "The installation's operator creates one: exhibit api GET /operator/contributors"
        raise WrongUseError("This isn't an account of contributors.", hint=hint)
    if key and key != account_key:
        raise IntegrityError(f"The account is signed with another key: {account_key}")
    if not is_valid_signature(parse_verifier_key(account_key)[1], signature, signed):
        raise IntegrityError("The account was changed after it was signed, or isn't by the key that it names.")
    return dict(plain)
