"""Reference page of all settings, from ``exhibit/config`` and the settings of each kind of timestamp service.

Descriptions come from their docstrings.
"""

import inspect
from dataclasses import MISSING, Field, fields
from typing import Any

from evidence.anchors import KINDS
from exhibit.config.anchors import AnchorConfig
from exhibit.config.config import Config, get_environment_name
from tools.reference.descriptions import read_descriptions

NAME = "settings.md"
INTRODUCTION = """\
# Settings

Generated from the code by `make reference`.

Every setting has a default. Set values in environment variables or in the file `exhibit.toml` in the data
folder; environment variables take precedence. Exhibit does not start with an unknown name or an invalid value,
and names the setting. `exhibit doctor` checks the environment.

```toml
# exhibit.toml
operator_name = "Studio Example"
contact = "images@example.org"
public_url = "https://exhibit.example.org"
retention_days = 60
```

Environment variables contain text: lists are separated by commas (`EXHIBIT_ALLOWED_HOSTS=a.example,b.example`),
booleans are `true` or `false`. An empty variable counts as not set.

Each timestamp service is a table `[[anchors]]` of the file: [Timestamp services](anchors.md) has an example of
each kind. Paths are relative to the data folder. You create the files that `key_file`, `password_file` and
`bitcoin_credentials` name; only the user that runs Exhibit should be able to read them. Keys and passwords are
never shown, logged or put into a bundle.
"""
IN_FILE_ONLY = "anchors"
DEFAULTS = {"data_dir": "`/var/lib/exhibit` for root, else `~/.local/share/exhibit`"}
GIB = 1024**3


def page() -> str:
    """Return the text of the page."""
    descriptions = read_descriptions(Config)
    text = (
        INTRODUCTION
        + "\n## Settings\n\n| In the file | In the environment | Default | Description |\n|---|---|---|---|\n"
    )
    for setting in fields(Config):
        in_file = f"`{setting.name}`" if setting.name != "data_dir" else "–"
        variable = f"`{get_environment_name(setting.name)}`" if setting.name != IN_FILE_ONLY else "–"
        default = DEFAULTS.get(setting.name) or _describe_default(setting)
        text += f"| {in_file} | {variable} | {default} | {descriptions.get(setting.name, '?')} |\n"
    text += "\n## Timestamp services\n\n" + _read_summary(AnchorConfig) + _format_table(AnchorConfig, set())
    for kind in KINDS.values():
        text += (
            f"\n### {kind.name}\n\n{kind.description[0].upper()}{kind.description[1:]}. {_read_summary(kind.config)}"
        )
        text += _format_table(kind.config, {setting.name for setting in fields(AnchorConfig)})
    return text


def _read_summary(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "?").partition("\n\n")[0].split()) + "\n\n"


def _format_table(cls: type[AnchorConfig], excluded: set[str]) -> str:
    descriptions = read_descriptions(cls)
    rows = (
        f"| `{setting.name}` | {_describe_default(setting)} | {descriptions.get(setting.name, '?')} |"
        for setting in fields(cls)
        if setting.name not in excluded
    )
    return "| Key | Default | Description |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _describe_default(setting: "Field[Any]") -> str:
    """Return the default as in the settings file, or ``needed`` or ``empty``."""
    if setting.default is MISSING:
        return "needed"
    if setting.default in (None, "", b"", ()):
        return "empty"
    if isinstance(setting.default, bool):
        return str(setting.default).lower()
    if setting.name.endswith("_bytes"):
        size = f"{setting.default // GIB} GiB" if setting.default % GIB == 0 else f"{setting.default // 1024**2} MiB"
        return f"{setting.default} ({size})"
    text = ",".join(setting.default) if isinstance(setting.default, tuple) else str(setting.default)
    return text if isinstance(setting.default, int) else f"`{text}`"
