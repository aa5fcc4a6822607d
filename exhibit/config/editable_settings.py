"""Settings that an operator can change on the site, which Exhibit then writes into ``exhibit.toml``."""

import json
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from exhibit.config.config import FILE_NAME, Config, get_environment_name
from exhibit.errors import ConfigError, InvalidRequestError
from exhibit.files.durable import sync_path
from exhibit.sentences import Sentence

WRITABLE_SETTINGS = ("public_url", "contact", "operator_name", "update_url")
"""Settings that can be written. All are texts, and none is a secret."""

_UNWRITABLE_FILE_MESSAGE = Sentence("exhibit.toml cannot be changed from here.")
_MANUAL_HINT = Sentence("Edit the file manually, then restart Exhibit.")


def list_fixed_settings(environ: Mapping[str, str] = os.environ) -> set[str]:
    """Return the writable settings that the environment sets. The environment takes precedence over the file."""
    return {name for name in WRITABLE_SETTINGS if environ.get(get_environment_name(name))}


def read_editable_settings(folder: Path) -> dict[str, str]:
    """Return the writable settings in the file of a data folder, by name; empty if the file is unreadable."""
    try:
        table = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return {name: table[name] for name in WRITABLE_SETTINGS if isinstance(table.get(name), str)}


def parse_setting(name: str, value: str) -> str:
    """Parse a value of a setting, and return its normal form. Raises ``InvalidRequestError`` if it is invalid."""
    check = next(field.metadata["check"] for field in fields(Config) if field.name == name)
    try:
        result = check(" ".join(value.split()))
    except ValueError as error:
        raise InvalidRequestError(f"{get_environment_name(name)} is invalid: {error}.") from None
    assert isinstance(result, str)
    return result


def write_settings(folder: Path, changes: Mapping[str, str]) -> None:
    """Write settings to the file, and remove settings with empty values. All other lines are kept.

    The change takes effect after a restart. Raises ``InvalidRequestError`` for invalid values, and ``ConfigError`` if
    the file cannot be written or the result would not parse to the expected settings.
    """
    values, path = {name: parse_setting(name, value) for name, value in changes.items()}, folder / FILE_NAME
    try:
        old_text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        other_lines, is_top_level = [], True
        for line in old_text.splitlines(keepends=True):
            is_top_level = is_top_level and not line.lstrip().startswith("[")
            if not (is_top_level and re.match(rf"\s*({'|'.join(values)})\s*=", line)):
                other_lines.append(line)
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items() if value]
        new_text = "".join([*lines, *other_lines])
        other_settings = {name: value for name, value in tomllib.loads(old_text).items() if name not in values}
        if tomllib.loads(new_text) != other_settings | {name: value for name, value in values.items() if value}:
            raise ConfigError(_UNWRITABLE_FILE_MESSAGE, hint=_MANUAL_HINT)
        _replace_file(path, new_text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(_UNWRITABLE_FILE_MESSAGE, hint=_MANUAL_HINT) from error


def _replace_file(path: Path, text: str) -> None:
    temporary_path = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        sync_path(temporary_path)
        temporary_path.replace(path)
        sync_path(path.parent)
    finally:
        temporary_path.unlink(missing_ok=True)
