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

    made = backup.back_up(desk.services, place, keys=not without_keys, tell=note)
    if as_json:
        log = {"origin": made.log.origin, "entries": made.log.entries, "root": made.log.root}
        kept = [f"files/{part.path}" for part in made.files]
        shown = {"place": str(place), "made_at": made.made_at, "blobs": made.blobs, "files": kept, "log": log}
        echo_json({**shown, "left_out": list(made.left_out), "damaged": list(made.damaged)})
    else:
        _say(made, place)
    if made.damaged:
        finish(ExitCode.INCOMPLETE)


def _say(made: "Description", place: Path) -> None:
    said = "Backup verified, but incomplete" if made.damaged else "Backup verified"
    say(f"{said}: {place}. {counted(made.log.entries, 'entry', 'entries')} in the log.")
    for name in made.left_out:
        say(f"Excluded: {name}")
    for digest in made.damaged:
        say(f"Omitted, because it is damaged: {digest}")
    if made.damaged:
        say("Keep earlier backups. Check the disk, and restore these files from one, or add the same pictures again.")
    if held := {path.name for part in made.files if (path := PurePosixPath(part.path)).parts[0] == "secrets"}:
        say(f"The backup contains {_power(held)}")


def _power(held: set[str]) -> str:
    """Return what these secrets allow, as the end of a sentence."""
    if held & {MASTER_KEY, NEXT_MASTER_KEY}:
        return "the keys. Anyone who can read it can sign as your owners."
    return f"secrets ({', '.join(sorted(held))}), but not the master key. Sealing requires the master key."
