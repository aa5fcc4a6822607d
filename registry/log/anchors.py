"""The configured and the added outside witnesses, each as an adapter."""

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
from registry.log.models import AddedWitness
from registry.services.anchors import anchor_of
from registry.services.services import Services


def get_anchor_configs(services: Services) -> tuple[AnchorConfig, ...]:
    """Return the settings of the outside witnesses: configured ones first, then added ones."""
    return (*services.config.anchors, *load_added_configs(services.config))


def get_anchors(services: Services) -> tuple[Anchor, ...]:
    """Return the adapters of the outside witnesses."""
    return services.once(_AnchorCache).get(get_anchor_configs(services))


class _AnchorCache:
    """Cache of the adapters for the latest settings."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cached: tuple[tuple[AnchorConfig, ...], tuple[Anchor, ...]] = (), ()

    def get(self, configs: tuple[AnchorConfig, ...]) -> tuple[Anchor, ...]:
        if self._cached[0] != configs:
            services = self._services
            log = OwnLogReader(lambda: get_log(services))
            networks = services.config.allowed_networks
            self._cached = configs, tuple(anchor_of(config, networks, services.user_agent, log) for config in configs)
        return self._cached[1]


class OwnLogReader:
    """The part of the log that witnesses see (port ``OwnLog``); ``log`` returns the log under its current name."""

    def __init__(self, log: Callable[[], Log]) -> None:
        self._log = log

    def note(self, digest: Digest) -> str:
        """Return the signed checkpoint with this digest that witnesses were asked to witness.

        Raises:
            NotFoundError: No checkpoint has this digest.
            SupersededError: The log has a new name, whose checkpoints cover this one.
        """
        note = load_submitted_note(digest)
        if note.partition("\n")[0] != self._log().origin:
            raise SupersededError("The log has another name by now, whose heads cover this one.")
        return note

    def size(self) -> int:
        """Return the current number of entries."""
        return self._log().size()

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the size ``new`` continues ``old``."""
        return self._log().consistency(old, new)


def load_added_configs(config: Config) -> tuple[AnchorConfig, ...]:
    """Return the settings of the added witnesses, except those whose name is now in the configuration."""
    configured_names = {anchor.name for anchor in config.anchors}
    rows = AddedWitness.objects.exclude(name__in=configured_names)
    return tuple(read_settings(row, config.data_dir) for row in rows)


def read_settings(row: AddedWitness, folder: Path) -> AnchorConfig:
    """Return a row's settings, read like those of the configuration; its roots are in a file of the data folder."""
    table = {**row.settings, "kind": row.kind, "name": row.name}
    if row.roots:
        table["roots"] = str(_write_roots(row, folder))
    (settings,) = read_anchors([table], {name: kind.config for name, kind in KINDS.items()}, folder)
    return settings


def _write_roots(row: AddedWitness, folder: Path) -> Path:
    """Return the file with a row's roots, written if missing; its name contains the digest of its content."""
    data = row.roots.encode()
    path = folder / "roots" / f"{row.name}-{hashlib.sha256(data).hexdigest()[:16]}.pem"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_once(path, data)
    return path
