"""Test model files: their contents are what the author signed, and nothing else is accepted."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.keys.ed25519 import KeySigner
from exhibit.entries import encode_canonical
from exhibit.errors import InvalidRequestError
from indexer.calibration.recall import Recall, RecallRates
from registry.fingerprints.model_files import (
    CARD_NAME,
    MODEL_NAME,
    compare_claim,
    iterate_model_file,
    read_model_file,
    sign_card,
)
from tests.assets.networks import network, signed_card

AUTHOR, OTHER = KeySigner(Ed25519PrivateKey.generate()), KeySigner(Ed25519PrivateKey.generate())


def write_model(folder: Path, plain: Any, data: bytes = network()) -> Path:  # noqa: ANN401 - any JSON
    path = folder / "model.zip"
    path.write_bytes(b"".join(iterate_model_file(plain, data)))
    return path


def get_refusal(path: Path) -> str:
    with pytest.raises(InvalidRequestError) as error:
        read_model_file(path)
    return str(error.value)


def test_signed_model_file_round_trips(tmp_path: Path) -> None:
    card = signed_card(AUTHOR, author="Heron", terms="Not for resale", price="10 EUR")
    plain = sign_card(card, AUTHOR)
    path = write_model(tmp_path, plain)
    assert path.read_bytes() == b"".join(iterate_model_file(plain, network()))
    plain_card, parsed_card, data = read_model_file(path)
    assert (plain_card, data) == (plain, network())
    assert replace(parsed_card, signature=b"") == card
    assert (parsed_card.author, parsed_card.key, parsed_card.price) == ("Heron", AUTHOR.public_key, "10 EUR")


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain["measured"]["by_edit"]["crop50"].update(first=1),
        lambda plain: plain.update(price="free"),
        lambda plain: plain.update(author="Crane"),
        lambda plain: plain.update(key=OTHER.public_key.hex()),
        lambda plain: plain["network"].update(mean=[0, 0, 0]),
    ],
)
def test_altered_model_card_is_rejected(change: Callable[[Any], None], tmp_path: Path) -> None:
    plain = sign_card(signed_card(AUTHOR), AUTHOR)
    change(plain)
    get_refusal(write_model(tmp_path, plain))


def test_replaced_model_is_rejected(tmp_path: Path) -> None:
    plain = sign_card(signed_card(AUTHOR), AUTHOR)
    get_refusal(write_model(tmp_path, plain, network(rows=True)))
    longer = plain | {"size": plain["size"] + 1}
    del longer["signature"]
    longer["signature"] = AUTHOR.sign(b"exhibit model card v1\n" + encode_canonical(longer)).hex()
    get_refusal(write_model(tmp_path, longer))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "exhibit-model/2"}, "exhibit-model/1"),
        ({"author": ""}, "author is empty"),
        ({"terms": "a\nb"}, "more than one line"),
        ({"price": "x" * 2001}, "2000 characters"),
        ({"author": "Her\u202eon"}, "more than one line"),
        ({"extra": 1}, "unknown field"),
        ({"key": "00"}, "key"),
    ],
)
def test_invalid_model_card_is_rejected(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    plain = sign_card(signed_card(AUTHOR), AUTHOR) | changed
    fields = {name: value for name, value in plain.items() if name != "signature"}
    plain["signature"] = AUTHOR.sign(b"exhibit model card v1\n" + encode_canonical(fields)).hex()
    assert message in get_refusal(write_model(tmp_path, plain))


@pytest.mark.parametrize(
    "by_edit",
    [
        {},
        {"crop50": {"first": 1.5, "few": 1, "rare": 1, "never": 1}},
        {"crop50": {"first": -0.1, "few": 1, "rare": 1, "never": 1}},
        {"crop50": {"first": True, "few": 1, "rare": 1, "never": 1}},
        {"crop50": {"first": 1}},
        {"crop50": 1},
        {"crop\n50": {"first": 1, "few": 1, "rare": 1, "never": 1}},
    ],
)
def test_invalid_recall_values_are_rejected(by_edit: dict[str, Any], tmp_path: Path) -> None:
    plain = sign_card(signed_card(AUTHOR), AUTHOR)
    plain["measured"]["by_edit"] = by_edit
    del plain["signature"]
    plain["signature"] = AUTHOR.sign(b"exhibit model card v1\n" + encode_canonical(plain)).hex()
    assert "by_edit" in get_refusal(write_model(tmp_path, plain))


def test_reserved_name_and_impossible_inputs_are_rejected(tmp_path: Path) -> None:
    card = signed_card(AUTHOR)
    for network_card, message in (
        (replace(card.network, name="descriptor"), "descriptor is reserved"),
        (replace(card.network, input_width=100_000), "16 to 1024"),
        (replace(card.network, width=1 << 20), "8 to 4096"),
        (replace(card.network, source="x\x1b[2J"), "unprintable"),
    ):
        assert message in get_refusal(write_model(tmp_path, sign_card(replace(card, network=network_card), AUTHOR)))


def test_unexpected_zip_contents_are_rejected(tmp_path: Path) -> None:
    plain = encode_canonical(sign_card(signed_card(AUTHOR), AUTHOR))

    def make_zip(*members: tuple[str, bytes]) -> Path:
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                archive.writestr(name, data)
        (tmp_path / "made.zip").write_bytes(memory.getvalue())
        return tmp_path / "made.zip"

    whole = ((CARD_NAME, plain), (MODEL_NAME, network()))
    assert read_model_file(make_zip(*whole))[2] == network()
    get_refusal(make_zip(*whole, ("weights.bin", b"w")))
    get_refusal(make_zip(*whole, (".DS_Store", b"w")))
    get_refusal(make_zip(whole[0]))
    get_refusal(make_zip(*whole, ("../../network.onnx", b"w")))
    get_refusal(make_zip((CARD_NAME, b" " * (1 << 20)), whole[1]))
    assert "canonical" in get_refusal(make_zip((CARD_NAME, plain + b"\n"), whole[1]))
    (tmp_path / "no.zip").write_bytes(b"no zip")
    assert get_refusal(tmp_path / "no.zip")
    with (tmp_path / "huge.zip").open("wb") as file:
        file.truncate(600 << 20)
    get_refusal(tmp_path / "huge.zip")


def test_measured_recall_falls_short_of_the_card_only_beyond_tolerance() -> None:
    claim = signed_card(AUTHOR, crop50=(0.5, 0.9), jpeg70=(1, 1)).measured

    def make_recall(works: int = 60, **edits: tuple[float, float]) -> Recall:
        figures_by_edit = {edit: RecallRates(first, few, 0, 0) for edit, (first, few) in edits.items()}
        return Recall(RecallRates(0, 0, 0, 0), figures_by_edit, 1, works, 1, 1)

    assert not compare_claim(claim, make_recall(crop50=(0.35, 0.8), mirror=(0, 0))).falls_short
    assert compare_claim(claim, make_recall(crop50=(0.34, 0.9))).falls_short
    assert compare_claim(claim, make_recall(crop50=(0.5, 0.77))).falls_short
    assert not compare_claim(
        claim, make_recall(works=4, crop50=(0.34, 0.77))
    ).falls_short  # within chance for four works
    assert compare_claim(claim, make_recall(works=10_000, crop50=(0.44, 0.9))).falls_short
    assert compare_claim(claim, make_recall(mirror=(1, 1))).falls_short  # no claimed edit was measured
    beside = compare_claim(claim, make_recall(crop50=(0.5, 0.9), jpeg70=(0, 1)))
    assert (beside.claimed.first, beside.measured.first, beside.edits) == (0.75, 0.25, 2)
