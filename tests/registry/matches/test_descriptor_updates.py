"""Test that a new model computes vectors for all existing images before it becomes active."""

from pathlib import Path

import pytest

from registry.fingerprints import descriptors
from registry.fingerprints.descriptor_models import add_model
from registry.matches.descriptor_updates import compute_descriptors
from registry.matches.match import match_pictures
from registry.models import DescriptorChoice, DescriptorGap, DescriptorModel, FingerprintRow, Picture
from tests.assets.networks import CARD, network
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def new_model(inline: SyncRunner, tmp_path: Path) -> DescriptorModel:
    """A model that is being built, with one registered work and one sighted image."""
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    match_pictures(inline.services, record_sightings(inline.services, *claim_new_slice(studio), [photograph(2)]))
    (tmp_path / "net.onnx").write_bytes(network())
    (tmp_path / "net.toml").write_text(CARD)
    add_model(inline.services, tmp_path / "net.onnx", tmp_path / "net.toml")
    model = DescriptorModel.objects.get(name="colours")
    descriptors.start_building(model)
    return model


def test_model_becomes_active_when_every_picture_has_a_vector_or_is_unavailable(
    inline: SyncRunner, new_model: DescriptorModel
) -> None:
    lost = Picture.objects.filter(sightings__isnull=False).get()
    inline.services.blobs.remove(lost.digest)
    compute_descriptors(inline.services, [new_model.pk])
    new_model.refresh_from_db()
    assert (new_model.state, DescriptorChoice.objects.get().serving) == ("done", new_model)
    described = FingerprintRow.objects.filter(space=new_model.space, part="whole")
    assert described.get().picture.work_pictures.exists()
    assert DescriptorGap.objects.get(model=new_model).picture == lost


def test_no_descriptors_are_computed_for_a_cancelled_model(inline: SyncRunner, new_model: DescriptorModel) -> None:
    descriptors.stop_building(new_model)
    DescriptorModel.objects.filter(pk=new_model.pk).update(state="queued")
    compute_descriptors(inline.services, [new_model.pk])
    new_model.refresh_from_db()
    assert new_model.state == "done"
    assert DescriptorChoice.objects.get().serving != new_model
    assert not FingerprintRow.objects.filter(space=new_model.space).exists()
