"""Adapters of the configured and the added timestamp services."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from evidence.anchors import KINDS
from evidence.formats.errors import SupersededError
from evidence.log.append_only import Log
from exhibit.config.anchors import read_anchors
from exhibit.config.config import AnchorConfig, Config
from exhibit.digests import Digest
from exhibit.files.durable import write_once
from exhibit.ports import Anchor
from registry.log.local_log import get_log
from registry.log.log import load_submitted_note
from registry.log.models import AddedTimestampService
from registry.services.anchors import build_anchor
from registry.services.services import Services


def get_anchor_configs(services: Services) -> tuple[AnchorConfig, ...]:
    """Return the settings of the timestamp services: configured ones first, then added ones."""
    return (*services.config.anchors, *load_added_configs(services.config))


def get_anchors(services: Services) -> tuple[Anchor, ...]:
    """Return the adapters of the timestamp services."""
    return services.get_or_create(_AnchorCache).get(get_anchor_configs(services))


class _AnchorCache:
    """Cache of the adapters for the latest settings."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cached: tuple[tuple[AnchorConfig, ...], tuple[Anchor, ...]] = (), ()

    def get(self, configs: tuple[AnchorConfig, ...]) -> tuple[Anchor, ...]:
        if self._cached[0] != configs:
            services = self._services
            log = OwnLogReader(lambda: get_log(services))
            allowed_networks = services.config.allowed_networks
            self._cached = (
                configs,
                tuple(build_anchor(config, allowed_networks, services.user_agent, log) for config in configs),
            )
        return self._cached[1]


class OwnLogReader:
    """Part of the log that timestamp services read (port ``OwnLog``). ``log`` returns the log as currently named."""

    def __init__(self, log: Callable[[], Log]) -> None:
        self._log = log

    def note(self, digest: Digest) -> str:
        """Return the signed checkpoint with this digest that was submitted to timestamp services.

        Raises:
            NotFoundError: No checkpoint has this digest.
            SupersededError: The log has a new name, whose checkpoints cover this one.
        """
        note = load_submitted_note(digest)
        if note.partition("\n")[0] != self._log().origin:
            raise SupersededError("The log was renamed. Checkpoints signed under its new name cover this checkpoint.")
        return note

    def size(self) -> int:
        """Return the current number of entries."""
        return self._log().count_entries()

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the log with ``new_size`` entries continues the log with ``old_size`` entries."""
        return self._log().prove_consistency(old_size, new_size)


def load_added_configs(config: Config) -> tuple[AnchorConfig, ...]:
    """Return the settings of the added timestamp services, except those whose name is now in the configuration."""
    configured_names = {anchor.name for anchor in config.anchors}
    rows = AddedTimestampService.objects.exclude(name__in=configured_names)
    return tuple(read_settings(row, config.data_dir) for row in rows)


def read_settings(row: AddedTimestampService, folder: Path) -> AnchorConfig:
    """Parse a row's settings like those of the configuration. Its root certificates are written to the data folder."""
    table = {**row.settings, "kind": row.kind, "name": row.name}
    if row.roots:
        table["roots"] = str(_write_roots(row, folder))
    (settings,) = read_anchors([table], {name: kind.config for name, kind in KINDS.items()}, folder)
    return settings


def _write_roots(row: AddedTimestampService, folder: Path) -> Path:
    """Return the file with a row's root certificates, written if missing; its name contains a digest of its content."""
    data = row.roots.encode()
    path = folder / "roots" / f"{row.name}-{hashlib.sha256(data).hexdigest()[:16]}.pem"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_once(path, data)
    return path
