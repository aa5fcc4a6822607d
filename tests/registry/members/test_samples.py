"""Test sample owners as rows: one per user, distinct from real ones, and deletable by its user."""

import pytest
from django.test import Client
from django.urls import reverse

from exhibit.errors import InvalidRequestError
from registry.members import samples
from registry.models import LogSubmission, Owner, User
from registry.retention import sample_removal
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.django_db
def test_real_owner_is_not_treated_as_sample() -> None:
    studio, person = owner("studio"), User.objects.create_user("ann")
    samples.check_not_sample(studio)
    with pytest.raises(InvalidRequestError):
        sample_removal.delete_owner(studio)
    assert samples.get_sample_owner(person) is None
    sample = samples.create_sample_owner(person)
    assert (samples.get_sample_owner(person), sample.sample, sample.name) == (sample, True, "Sample (ann)")
    with pytest.raises(InvalidRequestError):
        samples.check_not_sample(sample)
    assert not LogSubmission.objects.exists()
    sample_removal.delete_owner(sample)
    assert list(Owner.objects.all()) == [studio]


@pytest.mark.django_db
def test_sample_is_removed_only_by_its_user(inline: SyncRunner) -> None:
    person = User.objects.create_user("ann", "ann@example.org")
    ann = samples.create_sample_owner(person)
    eve = Client()
    eve.force_login(User.objects.create_user("eve", "eve@example.org"))
    assert eve.post(f"/o/{ann.slug}/sample/remove").status_code == 404
    client = Client()
    client.force_login(person)
    page = client.get("/owners/").content.decode()
    assert reverse("remove-sample", args=[ann.slug]) in page
    assert reverse("add-sample") not in page
    client.post(f"/o/{ann.slug}/sample/remove")
    assert not Owner.objects.exists()
