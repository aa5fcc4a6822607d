"""Works that were said to be unsafe for few details or two tones aren't any more; what holds others back stays."""

from importlib import import_module

import pytest
from django.db import connection

from exhibit.clock import now
from tests.assets.rows import owner

migration = import_module("registry.migrations.0084_works_held_back")
pytestmark = pytest.mark.django_db
BEFORE = (["few-features", "two-tone"], ["flat", "few-features"], ["tiny"], ["page"], [])


def test_few_details_and_two_tones_hold_no_work_back_any_more() -> None:
    studio = owner("studio")
    for number, reasons in enumerate(BEFORE, 1):
        studio.works.create(number=number, title="A", registered_at=now(), low_information=reasons)
    with connection.cursor() as cursor:
        cursor.execute(migration.FEWER)
    left = studio.works.order_by("number").values_list("low_information", flat=True)
    assert [*left] == [[], ["flat"], ["tiny"], ["page"], []]
