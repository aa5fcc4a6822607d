"""Test that this installation reproduces the examples of docs/reference/protocols.md."""

import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.keys.ed25519 import KeySigner
from evidence.keys.oprf import ORDER, OprfClient, OprfServer, hash_to_curve
from evidence.log.notes import format_cosigner_key, format_verifier_key
from indexer.vectors.bands import list_elements
from registry.alliance.blind_search import _derive_masks
from registry.alliance.signed_calls import SIGNATURE_PREFIX
from tests import CHECKOUT

COUNTING_BYTES = bytes(range(32))
"""Seed of the key, the SHA-256 and the hash of the image."""


@pytest.fixture
def examples() -> Any:  # noqa: ANN401 - any JSON
    page = (CHECKOUT / "docs" / "reference" / "protocols.md").read_text("utf-8")
    match = re.search(r"\n## Examples\n.*?\n```json\n(.*?)\n```\n", page, re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def test_request_signature_matches_example(examples: Any) -> None:  # noqa: ANN401
    assert bytes.fromhex(examples["seed"]) == COUNTING_BYTES
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(COUNTING_BYTES))
    assert examples["log"] == format_verifier_key("b.example/log", signer.public_key)
    assert examples["witness"] == format_cosigner_key("b.example/log/witness", signer.public_key)
    assert examples["signature"] == signer.sign(SIGNATURE_PREFIX + examples["body"].encode()).hex()


def test_blinded_element_matches_example(examples: Any) -> None:  # noqa: ANN401
    digest, band, *_ = list_elements(COUNTING_BYTES, COUNTING_BYTES)
    assert (examples["element"], examples["band"]) == (digest.hex(), band.decode())
    assert examples["point"] == f"{hash_to_curve(digest)[0]:064x}"
    asking = OprfClient(digest, int(examples["blind"], 16))
    answering = OprfServer((int(examples["key"], 16) - 1 + ORDER - 1).to_bytes(48, "big"))
    assert examples["sent"] == asking.blind().hex()
    assert examples["answered"] == answering.evaluate(asking.blind()).hex()
    assert examples["multiplied"] == answering.evaluate(bytes.fromhex(examples["point"])).hex()
    assert (
        examples["output"]
        == asking.compute_output(bytes.fromhex(examples["answered"])).hex()
        == answering.compute_output(digest).hex()
    )


def test_masked_entry_matches_example(examples: Any) -> None:  # noqa: ANN401
    tag, cover = _derive_masks(bytes.fromhex(examples["output"]), bytes.fromhex(examples["salt"]), examples["n"])
    inner = examples["position"].to_bytes(2, "big") + bytes.fromhex(examples["record_key"])
    assert (
        examples["entry"]
        == (tag + bytes(cover_byte ^ inner_byte for cover_byte, inner_byte in zip(cover, inner, strict=True))).hex()
    )
