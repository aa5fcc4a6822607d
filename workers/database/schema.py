"""Database migration and initial rows. Concurrent calls run it only once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from exhibit.config.secrets import load_master_key
from exhibit.errors import ServiceMissingError
from indexer.calibration.shipped import shipped_calibration
from indexer.picture.spaces import DESCRIPTOR
from registry.configuration import load_config
from registry.services.secret_fingerprints import store_fingerprints
from registry.services.services import Services
from workers.database.restore import find_unknown_migrations, resume_restore

_ADVISORY_LOCK_ID = 0x45584D47
_OTHER_SCHEMA_HINT = (
    "Start the version of Exhibit that created the database. A database from before version 1.0 cannot be converted: "
    "set EXHIBIT_DATA to an empty folder, or DATABASE_URL to an empty database."
)


def migrate() -> bool:
    """Apply missing migrations; return True if there were any. Takes about 50 ms if there are none.

    Raises:
        ServiceMissingError: The database does not respond, rejects the login, or has another version's schema.
        ConfigError: The secrets are not those of the installation.
    """
    config = load_config()
    end_restore = resume_restore(config)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    try:
        was_outdated = is_outdated()
        if was_outdated:
            from django.core.management import call_command

            with (
                _hold_advisory_lock(),
                transaction.atomic(),
            ):  # One transaction: if the process is killed, no migration is applied.
                call_command("migrate", verbosity=0, interactive=False)
        _store_shipped_data()
        end_restore()
        if config.database_url:
            from registry.log.local_log import get_log

            # They are created now, so that another machine cannot create different ones later.
            load_master_key(config), get_log(Services(config))
            store_fingerprints(config)
    except DatabaseError as error:
        first_line = str(error).strip().splitlines()[0]
        raise ServiceMissingError(f"The database cannot be migrated: {first_line}") from error
    return was_outdated


def _store_shipped_data() -> None:
    """Store the calibration and the descriptor model shipped with this version in the database."""
    from registry.matches import calibrations
    from registry.models import DescriptorModel

    if (calibration := shipped_calibration()) is not None:
        calibrations.store_shipped(calibration)
    if not DescriptorModel.objects.filter(name=DESCRIPTOR.name, version=DESCRIPTOR.version).exists():
        from registry.fingerprints.loaded_models import install_built_in  # Imported here, because it loads OpenCV.

        install_built_in(Services(load_config()).blobs)


def is_outdated() -> bool:
    """Return True if the schema is outdated. Only migration names are compared, because every command calls this.

    Raises:
        ServiceMissingError: The schema belongs to a later version, or to one before 1.0.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations')")
        if cursor.fetchone() == (None,):
            return True
        cursor.execute("SELECT app, name FROM django_migrations")
        applied_migrations = set(cursor.fetchall())
    if unknown_names := find_unknown_migrations({name for label, name in applied_migrations if label == "registry"}):
        sentence = (
            f"The database has the schema of another version of Exhibit ({unknown_names[-1]}), "
            "which this version cannot use."
        )
        raise ServiceMissingError(sentence, hint=_OTHER_SCHEMA_HINT)
    files = ((app.label, path) for app in apps.get_app_configs() for path in Path(app.path).glob("migrations/[!_]*.py"))
    return any((label, path.stem) not in applied_migrations for label, path in files)


@contextmanager
def _hold_advisory_lock() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK_ID])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK_ID])
