"""What is counted of the quota from now on begins with what the works and documents there are take of it."""

from importlib import import_module

import pytest
from django.db import connection

from registry.models import Owner
from registry.works.declarations import attach
from registry.works.registration import LEAST, remove_work
from registry.works.stated import register_stated
from tests.assets.rows import owner, photograph, register
from tests.registry.works.test_stated import told
from workers.tasks.sync_runner import SyncRunner

migration = import_module("registry.migrations.0085_used_bytes")
pytestmark = pytest.mark.django_db


def test_the_sum_is_what_would_have_been_counted(inline: SyncRunner) -> None:
    studio, rival = owner("studio"), owner("rival")
    work = register(inline.services, studio, photograph(1)).work
    attach(inline.services, work, "contract.txt", b"We agree.", about="", by="Ann")
    register_stated(inline.services, studio, told(photograph(2)).model_copy(update={"bytes": 1}))
    remove_work(register(inline.services, studio, photograph(3)).work, by="Ann")
    register(inline.services, rival, photograph(1))
    counted = dict(Owner.objects.values_list("slug", "used_bytes"))
    assert counted == {"studio": len(photograph(1)) + len(b"We agree.") + LEAST, "rival": len(photograph(1))}
    Owner.objects.update(used_bytes=0)
    with connection.cursor() as cursor:
        cursor.execute(migration.COUNTED)
    assert dict(Owner.objects.values_list("slug", "used_bytes")) == counted
