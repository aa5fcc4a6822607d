"""Loading of the configuration, including the settings of every type of timestamp service."""

import os
from collections.abc import Mapping

from evidence.anchors import KINDS
from exhibit.config.config import Config, build_bare_config, read_config
from exhibit.errors import ConfigError


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration as ``read_config`` does; raises ``ConfigError``."""
    return read_config(environ, {name: kind.config for name, kind in KINDS.items()})


def load_config_or_error(environ: Mapping[str, str] = os.environ) -> tuple[Config, ConfigError | None]:
    """Return the configuration and ``None``, or a configuration with only the data folder, and the error."""
    try:
        return load_config(environ), None
    except ConfigError as error:
        return build_bare_config(environ), error
