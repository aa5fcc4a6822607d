"""Test that rows of spaces are cached only once committed."""

import pytest
from django.db import transaction

from exhibit.types import Metric, Space
from registry.fingerprints.fingerprints import clear_cached_spaces, get_space_id
from registry.models import SpaceRow

SPACE = Space("trial", "1", Metric.HAMMING, 256)


@pytest.mark.django_db(transaction=True)
def test_space_is_recreated_after_a_rollback() -> None:
    clear_cached_spaces()
    with transaction.atomic():
        get_space_id(SPACE)
        transaction.set_rollback(True)
    assert SpaceRow.objects.filter(pk=get_space_id(SPACE)).exists()
    assert get_space_id(SPACE) == SpaceRow.objects.get(name="trial").pk
