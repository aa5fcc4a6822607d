"""Test the database rows of matches and of the active descriptor model."""

import pytest
from django.db import IntegrityError, transaction

from registry.fingerprints.loaded_models import install_built_in
from registry.models import DescriptorChoice, Match
from tests.assets.rows import create_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_verification_round_trips_through_match_row(inline: SyncRunner) -> None:
    match = create_case(inline.services, owner("studio")).case_sightings.get().match
    verification = match.verification
    assert verification.decision == "certain"
    assert verification.transform is not None
    assert [len(row) for row in verification.transform] == [3, 3, 3]
    rebuilt_match = Match.from_verification(match.registered_id, match.found_id, verification)
    assert rebuilt_match.verification == verification
    with pytest.raises(IntegrityError, match="match_identity"), transaction.atomic():
        rebuilt_match.save()
    Match.objects.filter(pk=match.pk).update(pipeline="another")
    rebuilt_match.save()
    assert Match.objects.latest("pk").verification == verification


def test_only_one_active_descriptor_model_is_stored(inline: SyncRunner) -> None:
    install_built_in(inline.services.blobs)
    choice = DescriptorChoice.objects.get()
    with pytest.raises(IntegrityError, match="descriptor_choice_single"), transaction.atomic():
        DescriptorChoice.objects.create(pk=2, serving=choice.serving)
    with pytest.raises(IntegrityError), transaction.atomic():
        choice.serving.delete()
