"""`exhibit backup`."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, finish, open_desk
from desk.cli.common.options import PLACE, json_option
from desk.cli.common.show import counted, echo_json, note, say
from exhibit.config.secrets import MASTER_KEY, NEXT_MASTER_KEY
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from workers.database.backup_format import Description


@click.command("backup", epilog=examples("exhibit backup /mnt/backup/exhibit", "exhibit backup /mnt/monday.tar"))
@click.argument("place", metavar="TARGET", type=PLACE)
@click.option(
    "--without-keys", is_flag=True, help="Exclude the folder secrets/. Store it elsewhere: sealing requires it."
)
@json_option
def backup_command(*, place: Path, without_keys: bool, as_json: bool) -> None:
    """Back up the database, stored files and secrets to TARGET, a folder or a file NAME.tar, and verify the backup.

    Exhibit may be running. In a folder, only new files are copied, and the previous backup stays valid until the new
    one is complete. After an interruption, run the command again. Exits with 4 if damaged files were omitted.
    """
    desk = open_desk()
    from workers.database import backup

    description = backup.back_up(desk.services, place, keys=not without_keys, tell=note)
    if as_json:
        log = {"origin": description.log.origin, "entries": description.log.entries, "root": description.log.root}
        file_names = [f"files/{part.path}" for part in description.files]
        values = {
            "place": str(place),
            "made_at": description.made_at,
            "blobs": description.blobs,
            "files": file_names,
            "log": log,
        }
        echo_json({**values, "left_out": list(description.left_out), "damaged": list(description.damaged)})
    else:
        _say(description, place)
    if description.damaged:
        finish(ExitCode.INCOMPLETE)


def _say(description: "Description", place: Path) -> None:
    headline = "Backup verified, but incomplete" if description.damaged else "Backup verified"
    say(f"{headline}: {place}. {counted(description.log.entries, 'entry', 'entries')} in the log.")
    for name in description.left_out:
        say(f"Excluded: {name}")
    for digest in description.damaged:
        say(f"Omitted, because it is damaged: {digest}")
    if description.damaged:
        say("Keep earlier backups. Check the disk, and restore these files from one, or add the same pictures again.")
    if secret_names := {
        path.name for part in description.files if (path := PurePosixPath(part.path)).parts[0] == "secrets"
    }:
        say(f"The backup contains {_power(secret_names)}")


def _power(secret_names: set[str]) -> str:
    """Return what these secrets allow, as the end of a sentence."""
    if secret_names & {MASTER_KEY, NEXT_MASTER_KEY}:
        return "the keys. Anyone who can read it can sign as your owners."
    return f"secrets ({', '.join(sorted(secret_names))}), but not the master key. Sealing requires the master key."
