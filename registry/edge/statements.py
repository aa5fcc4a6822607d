"""Verification of signed statements of contributors' results by their recipients, without a database or server."""

from evidence.formats.codec import FormatError, parse_json
from evidence.keys.ed25519 import is_valid_signature
from evidence.log.notes import parse_verifier_key
from exhibit.entries import encode_canonical
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.types import Json

FORMAT = "exhibit-edge-account/1"
MAX_BYTES = 4 << 20


def read_statement(data: bytes, key: str = "") -> dict[str, Json]:
    """Parse a statement and verify its signature with the log's ``key``, or else with the key that it contains.

    Raises:
        InvalidRequestError: The data is not such a statement.
        IntegrityError: The statement was changed, or signed with another key.
    """
    try:
        statement = parse_json(data, label="The statement", limit=MAX_BYTES)
        signature, statement_key = bytes.fromhex(statement.pop("signature")), str(statement["key"])
        is_valid = statement["format"] == FORMAT and all(row["name"] for row in statement["contributors"])
        signed_bytes = encode_canonical(statement)
    except (FormatError, ValueError, TypeError, KeyError, AttributeError):
        is_valid = False
    if not is_valid:
        hint = "The operator of the installation creates the statement: exhibit api GET /operator/contributors"
        raise InvalidRequestError("This is not a statement of contributors' results.", hint=hint)
    if key and key != statement_key:
        raise IntegrityError(f"The statement is signed with another key: {statement_key}")
    if not is_valid_signature(parse_verifier_key(statement_key)[1], signature, signed_bytes):
        raise IntegrityError("The statement was changed after it was signed, or another key signed it.")
    return dict(statement)
