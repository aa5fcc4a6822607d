"""`exhibit restore`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, finish
from desk.cli.common.options import THERE, json_option
from desk.cli.common.show import counted, echo_json, note, say
from exhibit.errors import ExitCode
from registry.configuration import load_config

if TYPE_CHECKING:
    from workers.database import restore

KEYS = "Restore the folder secrets/, or replace the keys: exhibit key rotate"
AFTER = """\
The log is complete, but signing is stopped: checkpoints may have been signed after the backup, and the log must never
sign different entries with the same numbers. Find out whether this happened:
  1. Compare the log with the latest bundle that you handed out, or with a checkpoint stored elsewhere:
       exhibit log verify --against bundle.zip
  2. If nothing was signed after the backup (Exhibit has been stopped since before the backup):
       exhibit api POST /operator/log/accept-head --field reason="moved to a new machine"
  3. If something was signed, or you do not know:
       exhibit api POST /operator/log/new-origin --field reason="restored the backup of …"
       exhibit trust our-keys.json
docs/reference/log.md explains the reasons. Do not start the original installation again."""


@click.command("restore", epilog=examples("exhibit restore /mnt/backup/exhibit", "exhibit restore /mnt/monday.tar"))
@click.argument("place", metavar="BACKUP", type=THERE)
@json_option
def restore_command(*, place: Path, as_json: bool) -> None:
    """Restore a BACKUP into an empty data folder, and show the next steps for the log.

    After an interruption, run the command again. Exits with 1 if the backup is damaged, with 2 if the database contains
    data, with 4 if files are missing that were damaged when the backup was made.
    """
    from workers.database import restore

    done = restore.put_back(load_config(), place, note)
    if as_json:
        log = {"origin": done.log.origin, "entries": done.log.entries, "root": done.log.root}
        values = {"made_at": done.description.made_at, "blobs": done.description.blobs, "log": log}
        missing = {"damaged": list(done.description.damaged), "closed_keys": done.closed_keys}
        echo_json({**values, **missing, "settings_aside": done.settings_aside, "stopped": done.stopped})
    else:
        _say(done)
    if done.description.damaged:
        finish(ExitCode.INCOMPLETE)


def _say(done: "restore.Restored") -> None:
    entries = counted(done.log.entries, "entry", "entries")
    say(f"Restored the backup of {done.description.made_at}: {entries} in the log; the root hash is correct.")
    if done.settings_aside:
        say("Existing settings were kept. The backup's settings are in exhibit.toml.restored.")
    for name in done.description.left_out:
        say(f"Not in the backup; restore it separately: {name}")
    for digest in done.description.damaged:
        say(f"Not in the backup, because it was damaged: {digest}")
    if done.description.damaged:
        say("Restore these files from another backup, or add the same pictures again.")
    if done.closed_keys:
        say(f"Sealing is not possible, because owners' keys cannot be decrypted. {done.closed_keys} {KEYS}")
    if done.stopped:
        say(AFTER)
