"""The configuration of this process, with the settings of every kind of witness."""

import os
from collections.abc import Mapping

from evidence.anchors import KINDS
from exhibit.config.config import Config, read_config


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """What ``read_config`` reads; raises ``ConfigError`` as it does."""
    return read_config(environ, {name: kind.config for name, kind in KINDS.items()})
