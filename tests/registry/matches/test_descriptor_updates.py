"""Test that a new network describes all existing images, and becomes active when none is missing."""

from pathlib import Path

import pytest

from registry.fingerprints import descriptors
from registry.fingerprints.networks import add_model
from registry.matches.descriptor_updates import compute_descriptors
from registry.matches.match import match_pictures
from registry.models import DescriptorChoice, DescriptorGap, DescriptorModel, FingerprintRow, Picture
from tests.assets.networks import CARD, network
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings, register
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def new(inline: SyncRunner, tmp_path: Path) -> DescriptorModel:
    """A network that is being introduced, with one registered work and one sighted image."""
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    match_pictures(inline.services, record_sightings(inline.services, *claim_new_slice(studio), [photograph(2)]))
    (tmp_path / "net.onnx").write_bytes(network())
    (tmp_path / "net.toml").write_text(CARD)
    add_model(inline.services, tmp_path / "net.onnx", tmp_path / "net.toml")
    model = DescriptorModel.objects.get(name="colours")
    descriptors.start_building(model)
    return model


def test_it_serves_when_every_picture_has_a_vector_or_a_reason(inline: SyncRunner, new: DescriptorModel) -> None:
    lost = Picture.objects.filter(sightings__isnull=False).get()
    inline.services.blobs.remove(lost.digest)
    compute_descriptors(inline.services, [new.pk])
    new.refresh_from_db()
    assert (new.state, DescriptorChoice.objects.get().serving) == ("done", new)
    described = FingerprintRow.objects.filter(space=new.space, part="whole")
    assert described.get().picture.work_pictures.exists()
    assert DescriptorGap.objects.get(model=new).picture == lost


def test_a_network_that_is_not_wanted_any_more_describes_nothing(inline: SyncRunner, new: DescriptorModel) -> None:
    descriptors.stop_building(new)
    DescriptorModel.objects.filter(pk=new.pk).update(state="todo")
    compute_descriptors(inline.services, [new.pk])
    new.refresh_from_db()
    assert new.state == "done"
    assert DescriptorChoice.objects.get().serving != new
    assert not FingerprintRow.objects.filter(space=new.space).exists()
