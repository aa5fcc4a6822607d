"""Settings that an operator changes on the site, stored in ``exhibit.toml`` and effective after a restart."""

from collections.abc import Mapping

from django.db import transaction

from exhibit.config.config import Config
from exhibit.config.written import WRITABLE, checked, fixed, write_settings, written
from exhibit.errors import WrongUseError
from registry.db.locks import Lock, hold
from registry.log import audit_log


def change(config: Config, given: Mapping[str, str], *, by: str) -> dict[str, str]:
    """Write the writable settings that have changed and return them; the log records who changed them.

    Settings from environment variables are skipped. Raises as :func:`exhibit.config.written.write_settings`.
    """
    with transaction.atomic():
        hold(Lock.SETTINGS)
        before = written(config.data_dir)
        changed = {
            name: given[name].strip()
            for name in WRITABLE
            if name in given and name not in fixed() and given[name].strip() != before.get(name, "")
        }
        if changed:
            audit_log.changed("settings changed", by=by, about={"settings": changed})
            write_settings(config.data_dir, changed)
    return changed


def waiting(config: Config) -> list[str]:
    """Return the names of settings that differ between the file and this process: they need a restart."""
    in_file, by_environment = written(config.data_dir), fixed()
    return [
        name
        for name, value in in_file.items()
        if name not in by_environment and _as_kept(name, value) != getattr(config, name)
    ]


def _as_kept(name: str, value: str) -> str:
    """Return a value as a restart would read it, or unchanged if a restart would reject it."""
    try:
        return checked(name, value) if value else ""
    except WrongUseError:
        return value
