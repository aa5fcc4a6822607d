"""Test an operator's own networks: their cards, refusals, and results."""

import hashlib
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from indexer.picture import descriptor as descriptors
from indexer.picture.card import Card, Resize, create_space, read_card
from indexer.picture.descriptor import (
    BUILT_IN,
    MODEL,
    WITHOUT_OVERFLOW,
    Descriptor,
    GuardedDescriptor,
    examine_model,
    prepare_input,
)
from indexer.picture.features import compute_fingerprints, extract
from indexer.picture.features_file import features_from_bytes, features_to_bytes
from indexer.picture.spaces import DESCRIPTOR
from tests.assets.networks import CARD, GRID, SIDE, WIDTH, heavy_network, network
from tests.assets.textured import encoded, textured

PICTURE = textured(1, (300, 200))


def refusal_message(text: str, data: bytes) -> str:
    with pytest.raises(InvalidRequestError) as error:
        examine_model(read_card(text), data)
    return str(error.value)


def test_bundled_network_file_matches_its_space() -> None:
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == dict(DESCRIPTOR.parameters)["sha256"]
    assert BUILT_IN.space == DESCRIPTOR


def test_descriptor_equals_exact_arithmetic_on_every_processor() -> None:
    pixels = np.asarray(textured(5, (300, 200)))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # in floating point
    session = onnxruntime.InferenceSession(MODEL.read_bytes(), options, providers=["CPUExecutionProvider"])
    exact = session.run(None, {"x": prepare_input(pixels, BUILT_IN.card)})[0][0]
    assert float(BUILT_IN.compute_vectors([pixels])[0] @ exact) > 0.99 * float(np.linalg.norm(exact))


@pytest.mark.parametrize(
    ("expected", "has"),
    [
        ("flags\t\t: fpu sse2 avx2 avx512_vnni\nbugs: none\nflags\t\t: fpu avx512_vnni\n", True),
        ("flags : fpu avx2 avx_vnni\n", True),
        ("flags : fpu sse2 avx2\n", False),
        ("flags : fpu avx512_vnni\nflags : fpu avx2\n", False),
        ("Features : fp asimd asimddp\n", False),
        ("model name : avx512_vnni\n", False),
        (None, False),
    ],
)
def test_overflow_free_kernel_is_used_only_without_vnni(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str | None, *, has: bool
) -> None:
    if expected is not None:
        (tmp_path / "cpuinfo").write_text(expected)
    monkeypatch.setattr(descriptors, "PROCESSORS", tmp_path / "cpuinfo")
    descriptors.has_vnni.cache_clear()
    try:
        session = descriptors.open_session(MODEL.read_bytes())
        choice = descriptors.describe_kernel()
    finally:
        descriptors.has_vnni.cache_clear()
    options = session.get_session_options()
    if has:
        with pytest.raises(RuntimeError, match="configuration"):
            options.get_session_config_entry(WITHOUT_OVERFLOW)
    else:
        assert options.get_session_config_entry(WITHOUT_OVERFLOW) == "1"
    assert ("without VNNI" in choice) == (not has)


@pytest.mark.long
def test_both_kernels_return_identical_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    if not descriptors.has_vnni():
        pytest.skip("this processor has no VNNI")
    pictures = [np.asarray(textured(seed, (300, 200))) for seed in range(12)]
    vectors = []
    for has in (True, False):
        monkeypatch.setattr(descriptors, "has_vnni", lambda has=has: has)
        vectors.append(Descriptor(BUILT_IN.card, BUILT_IN.space, MODEL.read_bytes).compute_vectors(pictures))
    assert (vectors[0] == vectors[1]).all()


def test_network_of_other_size_and_width_describes_pictures() -> None:
    network_of_mine = examine_model(read_card(CARD), network())
    vectors = network_of_mine.compute_vectors([np.asarray(PICTURE), np.asarray(textured(2))])
    assert vectors.shape == (2, WIDTH)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
    assert vectors[0] @ vectors[1] < 0.9
    features = extract(encoded(PICTURE), descriptor=network_of_mine)
    stored = [
        fingerprint
        for fingerprint in compute_fingerprints(features.digest, features)
        if fingerprint.space == "colours@1"
    ]
    assert [fingerprint.part for fingerprint in stored] == ["whole"]
    assert {len(fingerprint.vector) for fingerprint in stored} == {WIDTH * 4}
    again = features_from_bytes(features_to_bytes(features), lambda: features, network_of_mine.space)
    assert (again.embeddings["whole"] == features.embeddings["whole"]).all()


def test_flat_picture_has_a_zero_vector() -> None:
    flat = np.full((80, 80, 3), 128, np.uint8)
    assert not examine_model(read_card(CARD), network()).compute_vectors([flat]).any()


@pytest.mark.parametrize("take", ["first", "mean"])
def test_vector_is_first_output_row_or_mean_of_output_rows(take: str) -> None:
    text = CARD.replace(f"width = {WIDTH}", f'width = {GRID * GRID}\ntake = "{take}"')
    vector = examine_model(read_card(text), network(rows=True)).compute_vectors([np.asarray(PICTURE)])[0]
    plane = prepare_input(np.asarray(PICTURE), read_card(CARD))[0].reshape(3, GRID, SIDE // GRID, GRID, SIDE // GRID)
    cells = plane.mean((2, 4)).reshape(3, -1)
    expected = cells[0] if take == "first" else cells.mean(0)
    assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_unusable_network_is_refused_with_a_message() -> None:
    whole = network()
    assert re.search(r"\b48\b.*\b64\b", refusal_message(CARD.replace(f"width = {WIDTH}", "width = 64"), whole))
    assert re.search(r"\b3x16\b.*\b48\b", refusal_message(CARD, network(rows=True)))
    assert "1x3x64x32" in refusal_message(CARD.replace("width = 64", "width = 32", 1), whole)
    assert "no output tokens" in refusal_message(CARD + 'name = "tokens"', whole)
    assert "stored in other files" in refusal_message(CARD, network(elsewhere=True))
    assert "must be float32" in refusal_message(CARD, network(kind=10))
    assert "not an ONNX file" in refusal_message(CARD, b"<html>not found</html>")
    assert "not an ONNX file" in refusal_message(CARD, whole[:-7])
    assert "cannot open the file" in refusal_message(CARD, b"")


def test_network_that_normalises_its_input_receives_unscaled_pixel_values() -> None:
    plain = CARD.replace("mean = [128, 128, 128]", "mean = [0, 0, 0]").replace("[64, 64, 64]", "[1, 1, 1]")
    unscaled, scaled = (examine_model(read_card(plain), network(kind=kind)) for kind in (2, 1))
    picture = [np.asarray(PICTURE)]
    assert unscaled.compute_vectors(picture) == pytest.approx(scaled.compute_vectors(picture), abs=1e-5)
    assert "uint8" in refusal_message(CARD, network(kind=2))


def test_picture_is_preprocessed_as_the_model_card_states() -> None:
    red = np.zeros((40, 80, 3), np.uint8)
    red[..., 0] = 255
    red[:, :10] = 0

    def input_of(**settings: object) -> np.ndarray:
        values = {"mean": (0.0, 0.0, 0.0), "deviation": (1.0, 1.0, 1.0), **settings}
        return prepare_input(red, Card("n", "1", "l", "s", 20, 20, 8, **values))  # type: ignore[arg-type]

    assert input_of().shape == (1, 3, 20, 20)
    assert input_of(layout="nhwc").shape == (1, 20, 20, 3)
    assert input_of(channels="bgr")[0, 2, 10, 10] == 255
    assert (input_of()[0, 0, :, :2] == 0).all()
    assert (input_of(resize=Resize.CROP)[0, 0] == 255).all()
    assert (input_of(resize=Resize.CROP, shorter=40)[0, 0] == 255).all()
    padded = input_of(resize=Resize.PAD, mean=(9.0, 9.0, 9.0))[0, 0]
    assert (padded[:5] == 0).all()
    assert (padded[5:15, 5:] == 246).all()


def guarded_descriptor(data: bytes, text: str = CARD) -> GuardedDescriptor:
    card = read_card(text)
    return GuardedDescriptor(card, create_space(card, Digest.from_bytes(data)), lambda: data)


def test_third_party_network_in_own_process_returns_same_vectors() -> None:
    descriptors.helper.close()
    by_rows, other = guarded_descriptor(network()), guarded_descriptor(network(rows=True),
    CARD.replace("[output]", '[output]\ntake = "mean"')
                                              .replace(f"width = {WIDTH}", f"width = {GRID * GRID}"))  # fmt: skip
    pictures = [np.asarray(PICTURE), np.asarray(textured(2))]
    expected = examine_model(by_rows.card, network()).compute_vectors(pictures)
    assert (by_rows.compute_vectors(pictures) == expected).all()
    assert descriptors.helper.process is not None
    assert other.compute_vectors(pictures).shape == (2, GRID * GRID)
    larger = guarded_descriptor(network(side=128), CARD.replace("= 64\n", "= 128\n"))
    assert larger.compute_vectors(pictures).shape == (2, WIDTH)  # the helper holds two at a time
    assert (by_rows.compute_vectors(pictures) == expected).all()
    descriptors.helper.process.kill()
    assert (by_rows.compute_vectors(pictures) == expected).all()


@pytest.mark.long
def test_third_party_network_exceeding_limits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    guarded_descriptor(heavy_network(2, 1)).open()
    monkeypatch.setattr(descriptors, "MEMORY", 256 << 20)
    with pytest.raises(InvalidRequestError, match=r"ConstantOfShape|memory"):
        guarded_descriptor(heavy_network(12_000)).open()
    monkeypatch.setattr(descriptors, "MEMORY", 4 << 30)
    monkeypatch.setattr(descriptors, "SECONDS", 1.0)
    with pytest.raises(InvalidRequestError, match="seconds"):
        guarded_descriptor(heavy_network(2_500, 12)).open()


def test_forbidden_operators_are_refused_only_for_third_party_networks() -> None:
    with pytest.raises(InvalidRequestError, match="other files"):
        guarded_descriptor(network(elsewhere=True)).open()
    with pytest.raises(InvalidRequestError, match="loops or branches"):
        guarded_descriptor(network() + b"\xca\x01\x00").open()
    with pytest.raises(InvalidRequestError, match="its card requires 40"):
        guarded_descriptor(network(), CARD.replace(f"width = {WIDTH}", "width = 40")).open()
