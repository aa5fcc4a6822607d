"""Whom the embedded servers run as, and the folders that are theirs."""

import os
import signal
import stat
from dataclasses import dataclass
from pathlib import Path

from exhibit.errors import ConfigError
from workers.servers.processes import Child, ServiceUser, named_user


@dataclass(frozen=True, slots=True)
class ServerRights:
    """The user of the servers; None for the user of this process, who isn't root then."""

    user: ServiceUser | None

    def own_folder(self, folder: Path) -> None:
        """Make a folder that is the servers' alone; raises ``ConfigError`` where somebody else has put something."""
        folder.mkdir(mode=0o700, exist_ok=True)
        found, above = folder.lstat(), folder.parent.stat()
        owners = {os.geteuid()} | ({self.user.user} if self.user else set())
        within = above.st_uid == os.geteuid() and not above.st_mode & stat.S_IWOTH  # nobody else put it there
        if not stat.S_ISDIR(found.st_mode) or not (found.st_uid in owners or within):
            raise ConfigError(f"{folder} belongs to somebody else.", hint="Choose another EXHIBIT_DATA.")
        folder.chmod(0o700)
        if self.user and found.st_uid != self.user.user:
            self.hand_over(folder)

    def hand_over(self, folder: Path) -> None:
        """Give a folder with all that is in it to the servers' user."""
        if self.user:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.user.user, self.user.group, follow_symlinks=False)

    def let_pass(self, data_dir: Path) -> None:
        """Close the data folder to everybody but its user and, where they have a user of their own, its servers."""
        if self.user:
            os.chown(data_dir, -1, self.user.group)
        data_dir.chmod(0o710 if self.user else 0o700)

    def write(self, path: Path, text: str) -> None:
        """A file that the servers' user alone may read, in a folder that is theirs."""
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if self.user:
            os.chown(path, self.user.user, self.user.group)

    def maker(self) -> "ServerRights":
        """The rights with which PostgreSQL's files are made: ``initdb`` doesn't run as a mere number."""
        return ServerRights(named_user(self.user.name) or named_user("nobody")) if self.user else self

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
