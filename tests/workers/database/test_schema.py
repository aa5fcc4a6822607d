"""Test database migrations."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from exhibit.errors import ServiceMissingError
from registry.models import CalibrationRow, DescriptorModel
from workers.database import schema


def test_migrate_adds_shipped_rows_and_is_idempotent(db: None) -> None:
    assert not schema.is_outdated()
    for _ in range(2):
        assert schema.migrate() is False
        assert (DescriptorModel.objects.filter(shipped=True).count(), CalibrationRow.objects.count()) == (1, 1)


def test_database_with_missing_migrations_is_outdated(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'registry'")
    assert schema.is_outdated()


@pytest.mark.parametrize("name", ["0045_ledger_effects", "0105_squashed_0001_0104", "9999_of_a_later_version"])
def test_database_with_unknown_migration_is_rejected(name: str, db: None) -> None:
    MigrationRecorder(connection).record_applied("registry", name)
    with pytest.raises(ServiceMissingError, match=name) as error_info:
        schema.migrate()
    assert error_info.value.hint


def test_migrations_match_the_models(db: None) -> None:
    call_command("makemigrations", "registry", check=True, dry_run=True, verbosity=0)  # exits if migrations are missing


def test_database_error_is_reported_as_missing_service(db: None) -> None:
    with transaction.atomic():
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM nothing")
        with pytest.raises(ServiceMissingError) as error_info:
            schema.migrate()
        assert isinstance(error_info.value.__cause__, DatabaseError)
        transaction.set_rollback(True)
