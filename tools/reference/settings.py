"""Reference page of all settings: from the declarations in ``exhibit/config`` and of each kind of timestamp service.

Their docstrings have the descriptions.
"""

import inspect
from dataclasses import MISSING, Field, fields
from typing import Any

from evidence.anchors import KINDS
from exhibit.config.anchors import AnchorConfig
from exhibit.config.config import Config, environment_name
from tools.reference.words import words_of

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
    words = words_of(Config)
    text = (
        INTRODUCTION
        + "\n## Settings\n\n| In the file | In the environment | Default | Description |\n|---|---|---|---|\n"
    )
    for setting in fields(Config):
        in_file = f"`{setting.name}`" if setting.name != "data_dir" else "–"
        variable = f"`{environment_name(setting.name)}`" if setting.name != IN_FILE_ONLY else "–"
        default = DEFAULTS.get(setting.name) or _default(setting)
        text += f"| {in_file} | {variable} | {default} | {words.get(setting.name, '?')} |\n"
    text += "\n## Timestamp services\n\n" + _paragraph(AnchorConfig) + _table(AnchorConfig, set())
    for kind in KINDS.values():
        text += f"\n### {kind.name}\n\n{kind.words[0].upper()}{kind.words[1:]}. {_paragraph(kind.config)}"
        text += _table(kind.config, {setting.name for setting in fields(AnchorConfig)})
    return text


def _paragraph(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "?").partition("\n\n")[0].split()) + "\n\n"


def _table(cls: type[AnchorConfig], without: set[str]) -> str:
    words = words_of(cls)
    rows = (
        f"| `{setting.name}` | {_default(setting)} | {words.get(setting.name, '?')} |"
        for setting in fields(cls)
        if setting.name not in without
    )
    return "| Key | Default | Description |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _default(setting: "Field[Any]") -> str:
    """Return the default as written in the file, or a note that there is none."""
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
