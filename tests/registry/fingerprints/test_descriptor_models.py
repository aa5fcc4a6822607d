"""Test that a new model is introduced while the current model serves, without losing matches."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.db import transaction
from django.db.models import F

from demo.pictures import generate_textured
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError, NotFoundError
from indexer.picture.card import create_space, read_card
from indexer.picture.descriptor import BUILT_IN
from registry.fingerprints import descriptors
from registry.fingerprints.descriptor_models import add_model, drop_model, list_model_states, measure_model, use_model
from registry.fingerprints.descriptors import store_model
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.loaded_models import ModelChangedError, install_built_in
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.log import audit_log
from registry.matches.descriptor_updates import compute_descriptors
from registry.models import (
    BytesState,
    Case,
    DescriptorChoice,
    DescriptorModel,
    FingerprintRow,
    IndexChange,
    LogOpening,
    Picture,
)
from registry.services.services import Services
from registry.works.registration import remove_work
from tests.assets.networks import CARD, network, network_files
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

FEW_EDITS = ("jpeg70", "crop50")


def ignore_progress(done: int, total: int) -> None:
    """Ignore progress."""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return network_files(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of photographs for measurements."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(20):
        (folder / f"{seed}.jpg").write_bytes(photograph(100 + seed))
    return folder


def mark_measured() -> None:
    """Mark each model as measured."""
    DescriptorModel.objects.update(measurement={})


def get_states(inline: SyncRunner) -> dict[str, str]:
    return {state.name: state.state for state in list_model_states(inline.services)}


def count_vectors(space: str, collection: str) -> int:
    rows = IndexChange.objects.filter(collection=collection, space__name=space)
    return rows.values("fingerprint__picture").distinct().count()


@pytest.mark.long
def test_model_becomes_active_after_all_pictures_have_descriptors(
    inline: SyncRunner, files: tuple[Path, Path], photos: Path
) -> None:
    services = inline.services
    studio = owner("studio")
    for seed in (1, 2):
        register(services, studio, photograph(seed))
    crawl_slice, epoch = claim_new_slice(studio)
    record_sightings(services, crawl_slice, epoch, [recompress(photograph(1)), photograph(50), photograph(51)])
    inline.run_until_idle()
    picture = Picture.objects.get(digest=services.blobs.put(photograph(51)))
    services.blobs.remove(picture.digest)
    Picture.objects.filter(pk=picture.pk).update(bytes_state=BytesState.EXPIRED)

    add_model(services, *files)
    assert get_states(inline) == {"descriptor": "serving", "colours": "added"}
    with pytest.raises(InvalidRequestError):
        use_model(services, "colours")
    measurement = measure_model(services, "colours", photos, 3, ignore_progress, FEW_EDITS)
    assert measurement.recall.overall.never < measurement.serving_recall.overall.never
    assert get_states(inline)["colours"] == "measured"

    use_model(services, "colours")
    building = next(item for item in list_model_states(services) if item.name == "colours")
    assert (building.state, building.waiting, building.beyond_reach) == ("building", 4, 1)
    assert get_descriptors(services).serving.space.name == "descriptor"
    inline.run_until_idle()
    get_descriptors(services).refresh()
    assert get_states(inline) == {"descriptor": "shipped", "colours": "serving"}
    assert (count_vectors("colours", "works"), count_vectors("colours", "pictures")) == (2, 2)

    record_sightings(services, crawl_slice, epoch, [recompress(recompress(photograph(2)))], host="other.example")
    inline.run_until_idle()
    assert Case.objects.count() == 2
    assert count_vectors("colours", "pictures") == 3
    assert count_vectors("descriptor", "pictures") == 3

    with pytest.raises(InvalidRequestError):
        drop_model(services, "colours")
    use_model(services, "descriptor")
    inline.run_until_idle()
    assert get_states(inline)["descriptor"] == "serving"
    assert count_vectors("descriptor", "pictures") == 4
    drop_model(services, "colours")
    assert not FingerprintRow.objects.filter(space__name="colours").exists()
    assert get_states(inline) == {"descriptor": "serving"}
    openings = LogOpening.objects.filter(submission__type=EntryType.SETTING, content__what__startswith="network")
    assert [(item.content["what"], (item.details or {})["network"]) for item in openings.order_by("pk")] == [
        ("network added", "colours 1"),
        ("network brought into use", "colours 1"),
        ("network serves", "colours 1"),
        ("network brought into use", "descriptor 1"),
        ("network serves", "descriptor 1"),
        ("network removed", "colours 1"),
    ]


def test_model_change_without_log_entry_is_rolled_back(
    inline: SyncRunner, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = inline.services
    list_model_states(services)  # installs the bundled model

    def assert_rolled_back(act: Callable[[], object]) -> None:
        stood = [list(table._default_manager.order_by("pk").values()) for table in (DescriptorModel, DescriptorChoice)]
        with monkeypatch.context() as patch:
            patch.setattr(audit_log, "submit_entry", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                act()
        rows = [list(table._default_manager.order_by("pk").values()) for table in (DescriptorModel, DescriptorChoice)]
        assert rows == stood

    assert_rolled_back(lambda: add_model(services, *files))
    row = add_model(services, *files)
    mark_measured()
    assert_rolled_back(lambda: use_model(services, "colours"))
    use_model(services, "colours")
    assert_rolled_back(lambda: use_model(services, "descriptor"))
    assert_rolled_back(lambda: descriptors.activate_if_complete(row))
    assert_rolled_back(lambda: drop_model(services, "colours"))


@pytest.mark.long
def test_readded_model_uses_only_new_descriptors(inline: SyncRunner, files: tuple[Path, Path]) -> None:
    services, other = inline.services, Services(inline.services.config)
    studio = owner("studio")

    def activate_network(name: str) -> None:
        if name == "colours":
            add_model(services, *files)
            mark_measured()
        use_model(services, name)
        inline.run_until_idle()

    def count_described_works() -> int:
        get_descriptors(other).refresh()
        get_indexes(other).refresh(Collection.WORKS)
        return len(get_indexes(other).get_index(Collection.WORKS, get_descriptors(other).serving.space))

    works = [register(services, studio, photograph(seed)).work for seed in (1, 2)]
    activate_network("colours")
    before = count_described_works()
    activate_network("descriptor")
    drop_model(services, "colours")
    remove_work(works[0], by="Ann")
    activate_network("colours")
    assert count_described_works() == before / 2


@pytest.mark.long
def test_interrupted_descriptor_computation_resumes_despite_a_damaged_picture(
    inline: SyncRunner, files: tuple[Path, Path], photos: Path
) -> None:
    services = inline.services
    studio = owner("studio")
    works = [register(services, studio, photograph(seed)).work.pictures.get() for seed in (1, 2, 3)]
    crawl_slice, epoch = claim_new_slice(studio)
    # An icon that cannot be described
    record_sightings(services, crawl_slice, epoch, [encode_jpeg(generate_textured(9, (40, 40)))])
    inline.run_until_idle()
    add_model(services, *files)
    measure_model(services, "colours", photos, 1, ignore_progress, FEW_EDITS[:1])
    row = use_model(services, "colours")
    services.blobs.remove(works[1].digest)
    DescriptorModel.objects.filter(pk=row.pk).update(state="running", claimed_at=F("added_at") - timedelta(days=1))
    compute_descriptors(services, [row.pk])
    now_serving = next(state for state in list_model_states(services) if state.name == "colours")
    assert (now_serving.state, now_serving.waiting, now_serving.failed) == ("serving", 0, 1)
    compute_descriptors(services, [row.pk])
    assert count_vectors("colours", "works") == 2


def test_descriptors_of_replaced_model_are_not_stored(inline: SyncRunner, files: tuple[Path, Path]) -> None:
    services = inline.services
    studio = owner("studio")
    register(services, studio, photograph(1))
    add_model(services, *files)
    mark_measured()
    row = use_model(services, "colours")
    late_services = SyncRunner(services.config).services  # a process that loaded the rows before the switch
    assert get_descriptors(late_services).serving.space.name == "descriptor"
    compute_descriptors(services, [row.pk])
    with pytest.raises(ModelChangedError), transaction.atomic():
        get_descriptors(late_services).check_serving()
    registered = register(late_services, studio, photograph(2))
    spaces = FingerprintRow.objects.filter(picture__work_pictures__work=registered.work)
    assert {"phash256", "colours"} <= set(names := spaces.values_list("space__name", flat=True))
    assert "descriptor" not in names


@pytest.mark.long
def test_newer_shipped_model_replaces_older_model(inline: SyncRunner) -> None:
    services = inline.services
    card = replace(read_card(CARD), name=BUILT_IN.card.name, version="0")
    older = DescriptorModel(
        name=card.name, version="0", digest=services.blobs.put(network()), size=1, card=asdict(card), shipped=True
    )
    model = store_model(older, create_space(card, older.digest))
    DescriptorChoice.objects.create(serving=model)
    register(services, owner("studio"), photograph(1))
    assert IndexChange.objects.filter(collection="works", space=model.space).count() == 1
    assert [(state.version, state.state) for state in list_model_states(services)] == [("0", "serving")]
    install_built_in(services.blobs)
    assert [(state.version, state.state) for state in list_model_states(services)] == [
        ("0", "serving"),
        ("1", "building"),
    ]
    use_model(services, "descriptor@0")
    install_built_in(services.blobs)
    assert [(state.version, state.state) for state in list_model_states(services)] == [
        ("0", "serving"),
        ("1", "shipped"),
    ]
    use_model(services, "descriptor@1")
    inline.run_until_idle()
    assert [(state.version, state.state) for state in list_model_states(services)] == [
        ("0", "shipped"),
        ("1", "serving"),
    ]
    drop_model(services, "descriptor@0")


def test_model_name_and_version_cannot_be_reused(inline: SyncRunner, files: tuple[Path, Path], tmp_path: Path) -> None:
    file, card = files
    assert add_model(inline.services, file, card) == add_model(inline.services, file, card)
    drop_model(inline.services, "colours")
    card.write_text(CARD.replace("[64, 64, 64]", "[60, 60, 60]"))
    with pytest.raises(InvalidRequestError):
        add_model(inline.services, file, card)
    card.write_text(CARD.replace('version = "1"', 'version = "2"'))
    assert str(add_model(inline.services, file, card)) == "colours 2"
    with pytest.raises(NotFoundError):
        use_model(inline.services, "colours@1")
