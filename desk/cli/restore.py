"""A backup put back, and what the log needs to know then."""

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

KEYS = "Put the secrets back that the backup lacks, or use other keys: exhibit key rotate"
AFTER = """\
The log goes on, but it signs nothing yet. A backup is older than what outside witnesses may have seen since, and the
log must never sign other entries under numbers that it has signed before. Only you can know whether it has:
  1. Show it the newest bundle that was handed out, or a checkpoint that somebody kept:
       exhibit log check-against bundle.zip
  2. Nothing was signed after the backup (it was made after `exhibit down`, and nothing ran since):
       exhibit log accept-head --reason "moved to a new machine"
  3. Something was, or you can't know:
       exhibit log new-origin --reason "restored the backup of …"
       exhibit trust our-keys.json
docs/log.md says why. The installation that the backup is of must not run any more."""


@click.command("restore", epilog=examples("exhibit restore /mnt/backup/exhibit", "exhibit restore /mnt/monday.tar"))
@click.argument("place", type=THERE)
@json_option
def restore_command(*, place: Path, as_json: bool) -> None:
    """Put the backup PLACE back into an empty data folder, and say what the log needs to know.

    Ends with 2 where there are rows, with 1 when the backup is damaged, with 4 when it lacks stored bytes that were
    damaged as it was made. After an interruption the same command goes on.
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
    say(f"Restored as of {done.description.made_at}: {entries} of the log, with the root that the backup states.")
    if done.settings_aside:
        say("There were settings already: those of the backup are in exhibit.toml.restored.")
    for name in done.description.left_out:
        say(f"Not in the backup, put it back yourself: {name}")
    for digest in done.description.damaged:
        say(f"Not in the backup, for its bytes had changed or couldn't be read: {digest}")
    if done.description.damaged:
        say("Put these files back from another backup, or bring the same pictures again.")
    if done.closed_keys:
        say(f"No seal can be made: owners' keys don't open. {done.closed_keys} {KEYS}")
    if done.stopped:
        say(AFTER)
