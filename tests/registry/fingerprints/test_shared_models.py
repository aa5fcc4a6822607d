"""Test shared models: exported, inspected, measured locally, and used only if they achieve the claimed accuracy."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from evidence.keys.ed25519 import KeySigner
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError
from indexer.picture.descriptor import Descriptor, GuardedDescriptor
from registry.fingerprints.descriptor_models import (
    add_model,
    compare_with_claim,
    drop_model,
    get_model,
    list_model_states,
    measure_model,
    use_model,
)
from registry.fingerprints.model_files import iterate_model_file, read_model_file, sign_card
from registry.fingerprints.ports import get_descriptors
from registry.fingerprints.shared_models import export_model, import_signed_model, read_signed_model
from registry.models import DescriptorModel, LogOpening
from registry.services.services import Services
from tests.assets.networks import CARD, network, network_files, signed_card
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

EDITS, TURN_EDITS = ("jpeg70", "resize50"), ("mirror", "rot90")
AUTHOR, OTHER = KeySigner(Ed25519PrivateKey.generate()), KeySigner(Ed25519PrivateKey.generate())
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ignore_progress(done: int, total: int) -> None:
    """Ignore progress."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(20):
        (folder / f"{seed}.jpg").write_bytes(photograph(100 + seed))
    return folder


def write_offer(folder: Path, signer: KeySigner = AUTHOR, data: bytes = b"", **fields: Any) -> Path:  # noqa: ANN401
    path = folder / "offered.zip"
    path.write_bytes(
        b"".join(iterate_model_file(sign_card(signed_card(signer, data, **fields), signer), data or network()))
    )
    return path


def measure_colours_model(services: Services, photos: Path, edits: tuple[str, ...] = EDITS) -> DescriptorModel:
    measure_model(services, "colours", photos, 4, ignore_progress, edits)
    return get_model(services, "colours")


def list_log_details(what: str) -> list[dict[str, Any]]:
    rows = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what=what).order_by("pk")
    return [row.details or {} for row in rows]


@pytest.mark.long
def test_shared_model_is_measured_again_before_use(inline: SyncRunner, tmp_path: Path, photos: Path) -> None:
    services = inline.services
    add_model(services, *network_files(tmp_path))
    with pytest.raises(InvalidRequestError):
        export_model(services, "colours", "Heron", "", "", AUTHOR)
    first = measure_colours_model(services, photos).measurement
    row, chunks = export_model(services, "colours", "Heron", "Not for resale", "10 EUR", AUTHOR, by="Ann")
    (tmp_path / "out.zip").write_bytes(b"".join(chunks))
    _, card, data = read_model_file(tmp_path / "out.zip")
    assert (card.author, card.terms, card.price, data) == ("Heron", "Not for resale", "10 EUR", network())
    assert first is not None
    assert (card.measured.photographs.hex, card.measured.references) == (first["set"], first["references"])
    assert str(row) == "colours 1"
    drop_model(services, "colours")

    offer = read_signed_model(tmp_path / "out.zip", AUTHOR.public_key.hex()[:16].upper())
    imported_model = import_signed_model(services, offer, by="Ann")
    with pytest.raises(InvalidRequestError):
        use_model(services, "colours")
    seeds = {(measure_colours_model(services, photos).measurement or {})["seed"] for _ in range(2)}
    assert len(seeds | {0}) == 3, "whoever makes a network doesn't know which edits it is measured with"
    beside = compare_with_claim(get_model(services, "colours"))
    assert beside is not None
    assert (beside.falls_short, beside.edits) == (False, 2)
    row = get_model(services, "colours")
    row.shared = {**(row.shared or {}), "signature": "00" * 64}  # the signature was verified at import
    assert compare_with_claim(row) == beside
    register(services, owner("studio"), photograph(1))
    use_model(services, "colours")
    inline.run_until_idle()
    get_descriptors(services).refresh()
    assert get_descriptors(services).serving_row == imported_model
    assert isinstance(get_descriptors(services).serving, GuardedDescriptor)
    file = get_descriptors(services).get_serving_file(tmp_path)
    assert file is not None
    assert isinstance(file.create_descriptor(), GuardedDescriptor)
    state = next(item for item in list_model_states(services) if item.name == "colours")
    assert (state.state, state.author, state.key, state.price) == ("serving", "Heron", card.key.hex(), "10 EUR")

    second_file = b"".join(export_model(services, "colours", "", "", "", OTHER)[1])
    assert second_file == (tmp_path / "out.zip").read_bytes(), "it is passed on as its author signed it"
    with pytest.raises(InvalidRequestError):
        export_model(services, "colours", "Crane", "", "", OTHER)
    with pytest.raises(InvalidRequestError):
        export_model(services, "descriptor", "Crane", "", "", OTHER)
    (imported,) = list_log_details("network imported")
    assert (imported["author"], imported["key"], imported["by"]) == ("Heron", card.key.hex(), "Ann")
    assert [item["by"] for item in list_log_details("network exported")] == ["Ann", ""]


def test_model_created_locally_runs_in_process(inline: SyncRunner, tmp_path: Path) -> None:
    row = add_model(inline.services, *network_files(tmp_path))
    assert type(get_descriptors(inline.services).get_descriptor(row)) is Descriptor


@pytest.mark.long
def test_model_below_claimed_accuracy_is_used_only_when_forced(
    inline: SyncRunner, tmp_path: Path, photos: Path
) -> None:
    services = inline.services
    import_signed_model(services, read_signed_model(write_offer(tmp_path, invert=(1, 1))))
    beside = compare_with_claim(measure_colours_model(services, photos, ("invert",)))
    assert beside is not None
    assert beside.falls_short
    assert beside.measured.first < 0.9
    with pytest.raises(InvalidRequestError, match="colours"):
        use_model(services, "colours")
    use_model(services, "colours", allow_worse=True, by="Ann")
    assert list_log_details("network brought into use")[0]["falls_short"] is True


@pytest.mark.long
def test_overfitted_model_is_detected_by_other_pictures(inline: SyncRunner, tmp_path: Path) -> None:
    """Test a mean-colour model, which distinguishes coloured images but not grey images."""
    services = inline.services
    for name, colourful in (("theirs", True), ("ours", False)):
        (tmp_path / name).mkdir()
        for seed in range(20):
            (tmp_path / name / f"{seed}.png").write_bytes(make_plain_picture(seed, colourful=colourful))
    (tmp_path / "own").mkdir()
    add_model(services, *network_files(tmp_path / "own"))
    measure_model(services, "colours", tmp_path / "theirs", 4, ignore_progress, TURN_EDITS)
    _, chunks = export_model(services, "colours", "", "", "", AUTHOR)
    (tmp_path / "out.zip").write_bytes(b"".join(chunks))
    drop_model(services, "colours")
    import_signed_model(services, read_signed_model(tmp_path / "out.zip"))
    assert not compare_with_claim(measure_colours_model(services, tmp_path / "theirs", TURN_EDITS)).falls_short  # type: ignore[union-attr]
    assert compare_with_claim(measure_colours_model(services, tmp_path / "ours", TURN_EDITS)).falls_short  # type: ignore[union-attr]


def make_plain_picture(seed: int, *, colourful: bool) -> bytes:
    noise = np.random.default_rng(seed)
    pixels = noise.integers(118, 138, (180, 240, 1)).repeat(3, axis=2)
    if colourful:
        pixels = pixels + noise.integers(-100, 100, (1, 1, 3))
    memory = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(memory, "PNG")
    return memory.getvalue()


def test_model_name_signed_by_other_key_is_reported_and_wrong_key_is_rejected(
    inline: SyncRunner, tmp_path: Path
) -> None:
    services = inline.services
    import_signed_model(services, read_signed_model(write_offer(tmp_path)))
    assert read_signed_model(write_offer(tmp_path)).remarks == ()
    other = write_offer(tmp_path, OTHER, author="HERON", card=CARD.replace("colours", "shades"))
    assert AUTHOR.public_key.hex() in read_signed_model(other).remarks[0]
    with pytest.raises(InvalidRequestError):
        read_signed_model(other, AUTHOR.public_key.hex()[:16])
    with pytest.raises(InvalidRequestError, match=AUTHOR.public_key.hex()):
        import_signed_model(services, read_signed_model(write_offer(tmp_path, OTHER)))
    assert (get_model(services, "colours").shared or {})["key"] == AUTHOR.public_key.hex()


def test_older_model_card_is_rejected_and_newer_model_card_is_accepted(inline: SyncRunner, tmp_path: Path) -> None:
    services = inline.services
    import_signed_model(services, read_signed_model(write_offer(tmp_path, made_at=NOON, price="10 EUR")))
    older = write_offer(tmp_path, made_at=NOON - timedelta(seconds=1), price="free")
    with pytest.raises(InvalidRequestError):
        read_signed_model(older)
    with pytest.raises(InvalidRequestError):  # also for an older version
        read_signed_model(
            write_offer(tmp_path, made_at=NOON - timedelta(1), card=CARD.replace('version = "1"', 'version = "0"'))
        )
    assert read_signed_model(write_offer(tmp_path, made_at=NOON - timedelta(1)), allow_older=True).card.made_at < NOON
    import_signed_model(services, read_signed_model(write_offer(tmp_path, made_at=NOON + timedelta(1), price="12 EUR")))
    assert (get_model(services, "colours").shared or {})["price"] == "12 EUR"
    assert DescriptorModel.objects.filter(name="colours").count() == 1


def test_model_created_locally_is_not_replaced_by_a_shared_card(inline: SyncRunner, tmp_path: Path) -> None:
    services = inline.services
    add_model(services, *network_files(tmp_path))
    with pytest.raises(InvalidRequestError):
        import_signed_model(services, read_signed_model(write_offer(tmp_path)))
    assert get_model(services, "colours").shared is None


def test_model_not_matching_its_card_is_not_imported(inline: SyncRunner, tmp_path: Path) -> None:
    services = inline.services
    for data in (network(rows=True), network(elsewhere=True), network() + b"\xca\x01\x00", b"no network"):
        with pytest.raises(InvalidRequestError):
            import_signed_model(services, read_signed_model(write_offer(tmp_path, data=data)))
    assert not DescriptorModel.objects.filter(name="colours").exists()
