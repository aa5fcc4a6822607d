"""Test sample owners as rows: one per user, distinct from real ones, and deletable by its user."""

import pytest
from django.test import Client
from django.urls import reverse

from exhibit.errors import WrongUseError
from registry.members import samples
from registry.models import LogSubmission, Owner, User
from registry.retention import sample_removal
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.django_db
def test_a_real_owner_is_neither_refused_nor_deleted() -> None:
    studio, person = owner("studio"), User.objects.create_user("ann")
    samples.refuse(studio)
    with pytest.raises(WrongUseError):
        sample_removal.delete_owner(studio)
    assert samples.sample_of(person) is None
    made = samples.make(person)
    assert (samples.sample_of(person), made.sample, made.name) == (made, True, "Sample (ann)")
    with pytest.raises(WrongUseError):
        samples.refuse(made)
    assert not LogSubmission.objects.exists()
    sample_removal.delete_owner(made)
    assert list(Owner.objects.all()) == [studio]


@pytest.mark.django_db
def test_only_whoever_runs_it_takes_it_away(inline: SyncRunner) -> None:
    person = User.objects.create_user("ann", "ann@example.org")
    ann = samples.make(person)
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
