"""Test that this installation reproduces the examples of docs/reference/protocols.md."""

import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.keys.ed25519 import KeySigner
from evidence.keys.oprf import ORDER, Answering, Blinded, to_curve
from evidence.log.notes import cosigner_key, verifier_key
from indexer.vectors.bands import elements
from registry.alliance.blind import _masks
from registry.alliance.signed_calls import HEAD
from tests import CHECKOUT

COUNTED = bytes(range(32))
"""Seed of the key, the SHA-256 and the hash of the image."""


@pytest.fixture
def told() -> Any:  # noqa: ANN401 - any JSON
    page = (CHECKOUT / "docs" / "reference" / "protocols.md").read_text("utf-8")
    found = re.search(r"\n## Examples\n.*?\n```json\n(.*?)\n```\n", page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_request_is_signed_so(told: Any) -> None:  # noqa: ANN401
    assert bytes.fromhex(told["seed"]) == COUNTED
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(COUNTED))
    assert told["log"] == verifier_key("b.example/log", signer.public_key)
    assert told["witness"] == cosigner_key("b.example/log/witness", signer.public_key)
    assert told["signature"] == signer.sign(HEAD + told["body"].encode()).hex()


def test_the_element_is_blinded_so(told: Any) -> None:  # noqa: ANN401
    digest, band, *_ = elements(COUNTED, COUNTED)
    assert (told["element"], told["band"]) == (digest.hex(), band.decode())
    assert told["point"] == f"{to_curve(digest)[0]:064x}"
    asking = Blinded(digest, int(told["blind"], 16))
    answering = Answering((int(told["key"], 16) - 1 + ORDER - 1).to_bytes(48, "big"))
    assert told["sent"] == asking.sent().hex()
    assert told["answered"] == answering.answer(asking.sent()).hex()
    assert told["multiplied"] == answering.answer(bytes.fromhex(told["point"])).hex()
    assert told["output"] == asking.output(bytes.fromhex(told["answered"])).hex() == answering.output(digest).hex()


def test_the_entry_is_covered_so(told: Any) -> None:  # noqa: ANN401
    tag, cover = _masks(bytes.fromhex(told["output"]), bytes.fromhex(told["salt"]), told["n"])
    inner = told["position"].to_bytes(2, "big") + bytes.fromhex(told["record_key"])
    assert told["entry"] == (tag + bytes(one ^ other for one, other in zip(cover, inner, strict=True))).hex()
