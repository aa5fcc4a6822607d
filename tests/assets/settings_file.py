"""A configuration as an operator writes it: a file, and environment variables."""

from pathlib import Path

from exhibit.config.config import Config
from registry.configuration import load_config


def load_settings(folder: Path, toml: str = "", **environ: str) -> Config:
    """Load the configuration of a data folder with this file, under these environment variables only."""
    (folder / "exhibit.toml").write_text(toml, encoding="utf-8")
    return load_config({"EXHIBIT_DATA": str(folder), **environ})
