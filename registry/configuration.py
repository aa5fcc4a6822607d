"""The configuration of this process, with the settings of every kind of witness."""

import os
from collections.abc import Mapping

from evidence.anchors import KINDS
from exhibit.config.config import Config, bare_config, read_config
from exhibit.errors import ConfigError


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """What ``read_config`` reads; raises ``ConfigError`` as it does."""
    return read_config(environ, {name: kind.config for name, kind in KINDS.items()})


def config_or_fault(environ: Mapping[str, str] = os.environ) -> tuple[Config, ConfigError | None]:
    """The configuration; where a setting is wrong, one that knows the data folder alone, and what is wrong."""
    try:
        return load_config(environ), None
    except ConfigError as error:
        return bare_config(environ), error
