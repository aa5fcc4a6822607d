"""Reference page of all settings: from the declarations in ``exhibit/config`` and of each kind of timestamp service.

Their docstrings have the descriptions.
"""

import inspect
from dataclasses import MISSING, Field, fields
from typing import Any

from evidence.anchors import KINDS
from exhibit.config.anchors import AnchorConfig
from exhibit.config.config import Config, environment_name
from tools.reference.bundle_fields import described

NAME = "settings.md"
INTRODUCTION = """\
# Settings

Made from the declarations by `make reference`.

Every setting has a default: Exhibit runs without any. What you set comes from environment variables, or from
a file `exhibit.toml` in the data folder; where both say something, the environment wins. An unknown name or a
value that can't be used stops the start with a sentence that names the setting. `exhibit doctor` shows what
is missing around it.

```toml
# exhibit.toml
operator_name = "Studio Example"
contact = "images@example.org"
public_url = "https://exhibit.example.org"
retention_days = 60
```

The environment takes the same as text: lists with commas between
(`EXHIBIT_ALLOWED_HOSTS=a.example,b.example`), `true` or `false`, whole numbers. An empty variable counts as
not set.

Outside witnesses are tables of the file, a table `[[anchors]]` for each: [anchors.md](anchors.md) says
which to choose, with an example of each kind. A path is relative to the data folder. The files that
`key_file`, `password_file` and `bitcoin_credentials` name are yours to make and to keep; only the user that
runs Exhibit should be able to read them. No key and no password is ever shown, logged or put into a bundle.
"""
IN_FILE_ONLY = "anchors"
DEFAULTS = {"data_dir": "`/var/lib/exhibit` for root, else `~/.local/share/exhibit`"}
GIB = 1024**3


def page() -> str:
    """Return the text of the page."""
    words = described(Config)
    text = (
        INTRODUCTION
        + "\n## Settings\n\n| in the file | in the environment | default | what it does |\n|---|---|---|---|\n"
    )
    for one in fields(Config):
        in_file = f"`{one.name}`" if one.name != "data_dir" else "–"
        variable = f"`{environment_name(one.name)}`" if one.name != IN_FILE_ONLY else "–"
        default = DEFAULTS.get(one.name) or _default(one)
        text += f"| {in_file} | {variable} | {default} | {words.get(one.name, '?')} |\n"
    text += "\n## Anchors\n\n" + _paragraph(AnchorConfig) + _table(AnchorConfig, set())
    for kind in KINDS.values():
        text += f"\n### {kind.name}\n\n{kind.words[0].upper()}{kind.words[1:]}. {_paragraph(kind.config)}"
        text += _table(kind.config, {one.name for one in fields(AnchorConfig)})
    return text


def _paragraph(cls: type) -> str:
    return " ".join((inspect.getdoc(cls) or "?").partition("\n\n")[0].split()) + "\n\n"


def _table(cls: type[AnchorConfig], without: set[str]) -> str:
    words = described(cls)
    rows = (
        f"| `{one.name}` | {_default(one)} | {words.get(one.name, '?')} |"
        for one in fields(cls)
        if one.name not in without
    )
    return "| key | default | what it does |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _default(one: "Field[Any]") -> str:
    """Return the default as written in the file, or a note that there is none."""
    if one.default is MISSING:
        return "needed"
    if one.default in (None, "", b"", ()):
        return "empty"
    if isinstance(one.default, bool):
        return str(one.default).lower()
    if one.name.endswith("_bytes"):
        size = f"{one.default // GIB} GiB" if one.default % GIB == 0 else f"{one.default // 1024**2} MiB"
        return f"{one.default} ({size})"
    shown = ",".join(one.default) if isinstance(one.default, tuple) else str(one.default)
    return shown if isinstance(one.default, int) else f"`{shown}`"
