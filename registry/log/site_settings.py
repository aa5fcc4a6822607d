"""Settings that an operator changes on the site, stored in ``exhibit.toml`` and effective after a restart."""

from collections.abc import Mapping

from django.db import transaction

from exhibit.config.config import Config
from exhibit.config.editable_settings import WRITABLE, checked, editable_settings, fixed, write_settings
from exhibit.errors import WrongUseError
from registry.db.locks import Lock, hold
from registry.log import audit_log


def change_settings(config: Config, values: Mapping[str, str], *, by: str) -> dict[str, str]:
    """Write the writable settings that have changed and return them; the log records who changed them.

    Settings from environment variables are skipped. Raises as :func:`exhibit.config.editable_settings.write_settings`.
    """
    with transaction.atomic():
        hold(Lock.SETTINGS)
        stored = editable_settings(config.data_dir)
        changed = {
            name: values[name].strip()
            for name in WRITABLE
            if name in values and name not in fixed() and values[name].strip() != stored.get(name, "")
        }
        if changed:
            audit_log.log_change("settings changed", by=by, about={"settings": changed})
            write_settings(config.data_dir, changed)
    return changed


def list_pending_restart(config: Config) -> list[str]:
    """Return the names of settings that differ between the file and this process: they need a restart."""
    stored, by_environment = editable_settings(config.data_dir), fixed()
    return [
        name
        for name, value in stored.items()
        if name not in by_environment and _normalize(name, value) != getattr(config, name)
    ]


def _normalize(name: str, value: str) -> str:
    """Return a value as a restart would read it, or unchanged if a restart would reject it."""
    try:
        return checked(name, value) if value else ""
    except WrongUseError:
        return value
