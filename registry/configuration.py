"""The configuration of this process, with the settings of every kind of witness."""

import os
from collections.abc import Mapping

from evidence.anchors import KINDS
from exhibit.config.config import Config, bare_config, read_config
from exhibit.errors import ConfigError


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration as ``read_config`` does; raises ``ConfigError``."""
    return read_config(environ, {name: kind.config for name, kind in KINDS.items()})


def load_config_or_error(environ: Mapping[str, str] = os.environ) -> tuple[Config, ConfigError | None]:
    """Return the configuration, or one with the data folder only, together with the error."""
    try:
        return load_config(environ), None
    except ConfigError as error:
        return bare_config(environ), error
