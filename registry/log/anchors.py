"""The outside witnesses that the configuration names, each as its adapter."""

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
from registry.log.log import asked_head
from registry.log.models import AddedWitness
from registry.log.own_log import get_log
from registry.services.anchors import anchor_of
from registry.services.services import Services


def get_anchor_configs(services: Services) -> tuple[AnchorConfig, ...]:
    """Return the settings of the outside witnesses: those that are configured, then those that were added."""
    return (*services.config.anchors, *added_witnesses(services.config))


def get_anchors(services: Services) -> tuple[Anchor, ...]:
    """Return the outside witnesses, each ready to be asked."""
    return services.once(_Anchors).of(get_anchor_configs(services))


class _Anchors:
    """The adapters of the last settings that were asked for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: tuple[tuple[AnchorConfig, ...], tuple[Anchor, ...]] = (), ()

    def of(self, wanted: tuple[AnchorConfig, ...]) -> tuple[Anchor, ...]:
        if self._made[0] != wanted:
            services = self._services
            networks, agent, log = (
                services.config.allowed_networks,
                services.user_agent,
                RowsOfLog(lambda: get_log(services)),
            )
            self._made = wanted, tuple(anchor_of(one, networks, agent, log) for one in wanted)
        return self._made[1]


class RowsOfLog:
    """What witnesses are shown of the log (port ``OwnLog``); ``log`` gives it under its present name."""

    def __init__(self, log: Callable[[], Log]) -> None:
        self._log = log

    def note(self, digest: Digest) -> str:
        """The signed head that witnesses were asked for by this digest.

        Raises ``NotFoundError``, and ``SupersededError`` where the log has got another name since.
        """
        note = asked_head(digest)
        if note.partition("\n")[0] != self._log().origin:
            raise SupersededError("The log has another name by now, whose heads cover this one.")
        return note

    def size(self) -> int:
        """How many entries it has now."""
        return self._log().size()

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the size ``new`` continues ``old``."""
        return self._log().consistency(old, new)


def added_witnesses(config: Config) -> tuple[AnchorConfig, ...]:
    """The settings of the witnesses that were added, without one whose name the configuration has by now."""
    taken = {anchor.name for anchor in config.anchors}
    rows = AddedWitness.objects.exclude(name__in=taken)
    return tuple(settings_of(row, config.data_dir) for row in rows)


def settings_of(row: AddedWitness, folder: Path) -> AnchorConfig:
    """The settings of a row, read as those of the configuration are; its roots lie in a file of the data folder."""
    table = {**row.settings, "kind": row.kind, "name": row.name}
    if row.roots:
        table["roots"] = str(_roots_file(row, folder))
    (made,) = read_anchors([table], {name: kind.config for name, kind in KINDS.items()}, folder)
    return made


def _roots_file(row: AddedWitness, folder: Path) -> Path:
    """The file of a row's roots on this machine, made of the row where it isn't there; its name is its content's."""
    data = row.roots.encode()
    path = folder / "roots" / f"{row.name}-{hashlib.sha256(data).hexdigest()[:16]}.pem"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        write_once(path, data)
    return path
