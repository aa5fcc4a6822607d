"""Test matches and networks as rows."""

import pytest
from django.db import IntegrityError, transaction

from registry.fingerprints.loaded_networks import start_shipped
from registry.models import DescriptorChoice, Match
from tests.assets.rows import found_case, owner
from workers.tasks.sync_runner import SyncRunner


def test_what_was_measured_of_a_pair_is_read_as_it_was_kept(inline: SyncRunner) -> None:
    match = found_case(inline.services, owner("studio")).case_sightings.get().match
    measured = match.verification
    assert measured.decision == "certain"
    assert measured.transform is not None
    assert [len(row) for row in measured.transform] == [3, 3, 3]
    again = Match.of(match.registered_id, match.found_id, measured)
    assert again.verification == measured
    with pytest.raises(IntegrityError, match="match_identity"), transaction.atomic():
        again.save()
    Match.objects.filter(pk=match.pk).update(pipeline="another")
    again.save()
    assert Match.objects.latest("pk").verification == measured


def test_one_row_says_which_network_serves(inline: SyncRunner) -> None:
    start_shipped(inline.services.blobs)
    choice = DescriptorChoice.objects.get()
    with pytest.raises(IntegrityError, match="descriptor_choice_single"), transaction.atomic():
        DescriptorChoice.objects.create(pk=2, serving=choice.serving)
    with pytest.raises(IntegrityError), transaction.atomic():
        choice.serving.delete()
