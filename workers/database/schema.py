"""Database migration and initial rows. Concurrent calls run it only once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from exhibit.config.secrets import master_key
from exhibit.errors import ServiceMissingError
from indexer.calibration.shipped import shipped_calibration
from indexer.picture.spaces import DESCRIPTOR
from registry.configuration import load_config
from registry.services.secret_fingerprints import store_fingerprints
from registry.services.services import Services
from workers.database.restore import take_up, unknown_migrations

_LOCK = 0x45584D47
_OTHER_SCHEMA = (
    "Start the version that created it. A database from before version 1.0 cannot be converted: "
    "set EXHIBIT_DATA to an empty folder, or DATABASE_URL to an empty database."
)


def migrate() -> bool:
    """Apply missing migrations; return True if any were. Takes about 50 ms if there are none.

    Raises:
        ServiceMissingError: The database does not respond, refuses, or has the schema of another version.
        ConfigError: The secrets are not those of the installation.
    """
    config = load_config()
    end_restore = take_up(config)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    try:
        behind = is_behind()
        if behind:
            from django.core.management import call_command

            with _alone(), transaction.atomic():  # If the process is killed, no migration is applied.
                call_command("migrate", verbosity=0, interactive=False)
        _keep_shipped()
        end_restore()
        if config.database_url:
            from registry.log.local_log import get_log

            # Created now, so that another machine cannot create different ones later.
            master_key(config), get_log(Services(config))
            store_fingerprints(config)
    except DatabaseError as error:
        first_line = str(error).strip().splitlines()[0]
        raise ServiceMissingError(f"The database can't be brought up to date: {first_line}") from error
    return behind


def _keep_shipped() -> None:
    """Store the calibration and the network shipped with this version in the database."""
    from registry.matches import calibrations
    from registry.models import DescriptorModel

    if (shipped := shipped_calibration()) is not None:
        calibrations.store_shipped(shipped)
    if not DescriptorModel.objects.filter(name=DESCRIPTOR.name, version=DESCRIPTOR.version).exists():
        from registry.fingerprints.loaded_networks import install_shipped  # Loads OpenCV, once per version.

        install_shipped(Services(load_config()).blobs)


def is_behind() -> bool:
    """Return True if the schema is outdated, judged by migration names alone, because every command calls this.

    Raises:
        ServiceMissingError: The schema belongs to a later version, or to one before 1.0.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('django_migrations')")
        if cursor.fetchone() == (None,):
            return True
        cursor.execute("SELECT app, name FROM django_migrations")
        done = set(cursor.fetchall())
    if unknown := unknown_migrations({name for label, name in done if label == "registry"}):
        sentence = (
            f"The database has the schema of another version of Exhibit ({unknown[-1]}), which this one cannot use."
        )
        raise ServiceMissingError(sentence, hint=_OTHER_SCHEMA)
    files = ((app.label, path) for app in apps.get_app_configs() for path in Path(app.path).glob("migrations/[!_]*.py"))
    return any((label, path.stem) not in done for label, path in files)


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
