"""Test descriptor models as rows: a new model replaces the active one without missing matches."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.types import Metric, Space
from registry.fingerprints import descriptors, fingerprints
from registry.models import DescriptorChoice, DescriptorModel, FingerprintRow, Picture
from tests.assets.rows import owner


def make_model(name: str, *, data: bytes = b"net") -> DescriptorModel:
    space = Space(name=name, version="1", metric=Metric.COSINE, width=4, parameters=(("sha256", data.hex()),))
    model = DescriptorModel(name=name, version="1", digest=Digest.from_bytes(data), size=3, card={})
    return descriptors.store_model(model, space)


def make_pictures(*names: bytes) -> list[int]:
    rows = [Picture(digest=Digest.from_bytes(name), size=1, width=9, height=9, first_seen=now()) for name in names]
    return [row.pk for row in Picture.objects.bulk_create(rows)]


def store_descriptors(model: DescriptorModel, *which: int) -> None:
    FingerprintRow.objects.bulk_create(
        [FingerprintRow(picture_id=pk, space_id=model.space_id, part="whole", vector=bytes(16)) for pk in which]
    )


@pytest.fixture
def first_model(db: None) -> DescriptorModel:
    fingerprints.clear_cached_spaces()
    new_network = make_model("first")
    assert descriptors.get_descriptor_choice() is None
    descriptors.get_descriptor_choice(new_network)
    return new_network


def test_model_name_and_version_are_unique(first_model: DescriptorModel) -> None:
    assert make_model("first") == first_model
    fingerprints.clear_cached_spaces()
    with pytest.raises(InvalidRequestError):
        make_model("first", data=b"other")


def test_model_becomes_active_after_all_available_pictures_have_descriptors(first_model: DescriptorModel) -> None:
    a, b, deleted = make_pictures(b"a", b"b", b"gone")
    Picture.objects.filter(pk=deleted).update(bytes_state="expired")
    new = make_model("new")
    assert not descriptors.activate_if_complete(new)
    descriptors.start_building(new)
    assert descriptors.is_being_built(new.pk)
    assert descriptors.find_undescribed(new, 1) == ([a], a)
    store_descriptors(new, a)
    counts = descriptors.count_pictures(new, is_building=True, is_serving_model=False)
    assert (counts["described"], counts["waiting"], counts["beyond_reach"]) == (1, 1, 1)
    descriptors.move_cursor(new, 99)
    assert not descriptors.activate_if_complete(new)
    assert new.cursor == 0
    descriptors.record_gaps(new, [(b, "It can't be read."), (b, "again")])
    assert descriptors.count_pictures(new, is_building=True, is_serving_model=False)["failed"] == 1
    assert descriptors.activate_if_complete(new)
    assert (descriptors.is_serving(new.pk), descriptors.is_serving(first_model.pk)) == (True, False)
    assert DescriptorChoice.objects.get().building is None


def test_descriptors_of_registered_pictures_are_computed_first(first_model: DescriptorModel) -> None:
    a, b = make_pictures(b"a", b"b")
    work = owner("studio").works.create(number=1, title="A", registered_at=now())
    work.work_pictures.create(picture_id=b)
    assert descriptors.find_undescribed(first_model, 9) == ([b], 0)
    store_descriptors(first_model, b)
    assert descriptors.find_undescribed(first_model, 9) == ([a], a)


def test_model_is_removed_with_its_vectors_unless_it_is_active(first_model: DescriptorModel) -> None:
    [a] = make_pictures(b"a")
    new = make_model("new")
    for model in (first_model, new):
        store_descriptors(model, a)
        with transaction.atomic():
            fingerprints.add_to_collection(fingerprints.Collection.WORKS, [a], ["whole"])
    assert descriptors.find_members(fingerprints.Collection.WORKS, [a]) == [a]
    descriptors.remove_model(new)
    assert set(FingerprintRow.objects.values_list("space_id", flat=True)) == {first_model.space_id}
    with pytest.raises(IntegrityError), transaction.atomic():
        descriptors.remove_model(first_model)
    assert FingerprintRow.objects.count() == 1
