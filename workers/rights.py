"""Whom the embedded servers run as, and the folders that are theirs."""

import os
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

from exhibit.errors import ConfigError
from workers.processes import Child, ServiceUser


@dataclass(frozen=True, slots=True)
class ServerRights:
    """The user of the servers; None for the user of this process, who isn't root then."""

    user: ServiceUser | None

    def own_folder(self, folder: Path) -> None:
        """Make a folder that is the servers' alone.

        Raises:
            ConfigError: somebody else has put something there.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        owners = {os.geteuid()} | ({self.user.user} if self.user else set())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            raise ConfigError(f"{folder} belongs to somebody else.", hint="Choose another EXHIBIT_DATA.")
        if self.user:
            os.chown(folder, self.user.user, self.user.group)
        folder.chmod(0o700)

    def child(self, name: str, command: tuple[str, ...], *, folder: Path, stop: signal.Signals) -> Child:
        """A server as a child of this process, with no more rights than it needs.

        Root may keep data or programs below a folder that is closed to others, as /root: then the server may pass it.
        """
        walled = self.user is not None and not (self.user.reaches(Path(command[0])) and self.user.reaches(folder))
        return Child(
            name=name,
            command=command,
            stop=stop,
            orphaned=stop,
            user=self.user,
            beyond_walls=walled,
            environ={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            folder=folder,
        )
