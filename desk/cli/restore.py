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

KEYS = "Add the secrets that the backup excludes, or use other keys: exhibit key rotate"
AFTER = """\
The log is complete but signs nothing yet. Checkpoints may have been signed after the backup, and the log must never
sign different entries under the same numbers. Only you can know whether that happened:
  1. Compare the log with the latest bundle that was handed out, or a checkpoint that somebody kept:
       exhibit log verify --against bundle.zip
  2. If nothing was signed after the backup (it was made after `exhibit down`, and nothing ran since):
       exhibit api POST /operator/log/accept-head --field reason="moved to a new machine"
  3. If something was signed, or you cannot know:
       exhibit api POST /operator/log/new-origin --field reason="restored the backup of …"
       exhibit trust our-keys.json
docs/reference/log.md explains why. The original installation must not run any more."""


@click.command("restore", epilog=examples("exhibit restore /mnt/backup/exhibit", "exhibit restore /mnt/monday.tar"))
@click.argument("place", type=THERE)
@json_option
def restore_command(*, place: Path, as_json: bool) -> None:
    """Restore the backup PLACE into an empty data folder, and show what the log needs afterwards.

    Exits with 2 if the database contains data, with 1 if the backup is damaged, with 4 if it lacks files that were
    damaged when it was made. After an interruption, run the command again.
    """
    from workers.database import restore

    done = restore.put_back(load_config(), place, note)
    if as_json:
        log = {"origin": done.log.origin, "entries": done.log.entries, "root": done.log.root}
        shown = {"made_at": done.description.made_at, "blobs": done.description.blobs, "log": log}
        lacking = {"damaged": list(done.description.damaged), "closed_keys": done.closed_keys}
        echo_json({**shown, **lacking, "settings_aside": done.settings_aside, "stopped": done.stopped})
    else:
        _say(done)
    if done.description.damaged:
        finish(ExitCode.INCOMPLETE)


def _say(done: "restore.Restored") -> None:
    entries = counted(done.log.entries, "entry", "entries")
    say(f"Restored the state of {done.description.made_at}: {entries} of the log, with the root hash of the backup.")
    if done.settings_aside:
        say("Settings exist already: those of the backup are in exhibit.toml.restored.")
    for name in done.description.left_out:
        say(f"Not in the backup, restore it yourself: {name}")
    for digest in done.description.damaged:
        say(f"Not in the backup, because it was damaged: {digest}")
    if done.description.damaged:
        say("Restore these files from another backup, or add the same images again.")
    if done.closed_keys:
        say(f"Sealing is impossible: owners' keys cannot be decrypted. {done.closed_keys} {KEYS}")
    if done.stopped:
        say(AFTER)
