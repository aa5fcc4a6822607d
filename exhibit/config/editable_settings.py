"""Settings that an operator can change on the site, which Exhibit then writes into ``exhibit.toml``."""

import json
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from exhibit.config.config import FILE_NAME, Config, environment_name
from exhibit.errors import ConfigError, WrongUseError
from exhibit.files.durable import settle_path
from exhibit.sentences import Sentence

WRITABLE = ("public_url", "contact", "operator_name", "update_url")
"""Settings that can be written: texts, none of which is a secret."""

_UNFIT = Sentence("exhibit.toml cannot be changed from here.")
_BY_HAND = Sentence("Edit the file manually, then restart Exhibit.")


def fixed(environ: Mapping[str, str] = os.environ) -> set[str]:
    """Return those that the environment sets, which takes precedence over the file."""
    return {name for name in WRITABLE if environ.get(environment_name(name))}


def editable_settings(folder: Path) -> dict[str, str]:
    """Return their current values in the file of a data folder; empty if the file is unreadable."""
    try:
        table = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    return {name: table[name] for name in WRITABLE if isinstance(table.get(name), str)}


def checked(name: str, value: str) -> str:
    """Return a value in the normal form of its setting. Raises ``WrongUseError`` if it is invalid."""
    check = next(field.metadata["check"] for field in fields(Config) if field.name == name)
    try:
        result = check(" ".join(value.split()))
    except ValueError as error:
        raise WrongUseError(f"{environment_name(name)} can't be used: {error}.") from None
    assert isinstance(result, str)
    return result


def write_settings(folder: Path, changes: Mapping[str, str]) -> None:
    """Write settings to the file, or remove those with empty values. All other lines are kept.

    The change takes effect after a restart. Raises ``WrongUseError`` for invalid values, and ``ConfigError`` if the
    file cannot be written or would not be read back correctly.
    """
    values, path = {name: checked(name, value) for name, value in changes.items()}, folder / FILE_NAME
    try:
        before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        lines_kept, top = [], True
        for line in before.splitlines(keepends=True):
            top = top and not line.lstrip().startswith("[")
            if not (top and re.match(rf"\s*({'|'.join(values)})\s*=", line)):
                lines_kept.append(line)
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items() if value]
        after = "".join([*lines, *lines_kept])
        other_settings = {name: value for name, value in tomllib.loads(before).items() if name not in values}
        if tomllib.loads(after) != other_settings | {name: value for name, value in values.items() if value}:
            raise ConfigError(_UNFIT, hint=_BY_HAND)
        _replace(path, after)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(_UNFIT, hint=_BY_HAND) from error


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        settle_path(draft)
        draft.replace(path)
        settle_path(path.parent)
    finally:
        draft.unlink(missing_ok=True)
