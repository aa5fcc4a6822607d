"""Settings that an operator changes on the website, stored in ``exhibit.toml`` and effective after a restart."""

from collections.abc import Mapping

from django.db import transaction

from exhibit.config.config import Config
from exhibit.config.editable_settings import (
    WRITABLE_SETTINGS,
    list_fixed_settings,
    parse_setting,
    read_editable_settings,
    write_settings,
)
from exhibit.errors import InvalidRequestError
from registry.db.locks import Lock, hold
from registry.log import audit_log


def change_settings(config: Config, values: Mapping[str, str], *, by: str) -> dict[str, str]:
    """Write and return the changed writable settings; the log records the account that changed them.

    Settings from environment variables are skipped. Raises as
    :func:`exhibit.config.read_editable_settings.write_settings`.
    """
    with transaction.atomic():
        hold(Lock.SETTINGS)
        stored_settings = read_editable_settings(config.data_dir)
        changed_settings = {
            name: values[name].strip()
            for name in WRITABLE_SETTINGS
            if name in values
            and name not in list_fixed_settings()
            and values[name].strip() != stored_settings.get(name, "")
        }
        if changed_settings:
            audit_log.log_change("settings changed", by=by, details={"settings": changed_settings})
            write_settings(config.data_dir, changed_settings)
    return changed_settings


def list_pending_restart(config: Config) -> list[str]:
    """Return the names of settings that need a restart, because the file and this process differ."""
    stored_settings, environment_names = read_editable_settings(config.data_dir), list_fixed_settings()
    return [
        name
        for name, value in stored_settings.items()
        if name not in environment_names and _normalise(name, value) != getattr(config, name)
    ]


def _normalise(name: str, value: str) -> str:
    """Return a value as Exhibit would read it after a restart, or unchanged if it would be rejected."""
    try:
        return parse_setting(name, value) if value else ""
    except InvalidRequestError:
        return value
