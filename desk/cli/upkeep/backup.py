"""Backups, made while Exhibit runs, put back, and what the log needs to know then."""

from pathlib import Path

import click

from desk.cli.common.command import AsJson, command
from desk.cli.common.frame import Desk
from desk.cli.common.show import counted, echo_json, note, say
from workers.configuration import load_config


@command("backup", "exhibit backup /mnt/backup/exhibit", "exhibit backup /mnt/monday.tar")
@click.argument("place", type=click.Path(path_type=Path))
@click.option("--without-keys", is_flag=True, help="Leave secrets/ out, to be kept apart; nothing is sealed without.")
def backup_command(*, desk: Desk, place: Path, without_keys: bool, as_json: AsJson) -> None:
    """Write everything that can't be made again to PLACE, a folder or a file NAME.tar, and read it again.

    Exhibit may run meanwhile. Into a folder, only what is new is copied; after an interruption the same command goes
    on, and until its end the earlier backup stays whole.
    """
    from workers.database.backup import back_up

    made = back_up(desk.services, place, keys=not without_keys, tell=note)
    if as_json:
        log = {"origin": made.log.origin, "entries": made.log.entries, "root": made.log.root}
        kept = [part.name for part in made.files]
        shown = {"place": str(place), "made_at": made.made_at, "blobs": made.blobs, "files": kept, "log": log}
        echo_json({**shown, "left_out": list(made.left_out)})
        return
    say(f"Written and read again: {place}. {counted(made.log.entries, 'entry', 'entries')} of the log.")
    for name in made.left_out:
        say(f"Not in it: {name}")
    if not without_keys:
        say("It holds the keys: whoever reads it can sign as your owners.")


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


@command("restore", "exhibit restore /mnt/backup/exhibit", "exhibit restore /mnt/monday.tar")
@click.argument("place", type=click.Path(exists=True, path_type=Path))
def restore_command(*, place: Path, as_json: AsJson) -> None:
    """Put the backup PLACE back into an empty data folder, and say what the log needs to know.

    Ends with 2 where there are rows, with 1 when the backup is damaged. After an interruption the same command goes on.
    """
    from workers.database.restore import put_back

    done = put_back(load_config(), place, note)
    if as_json:
        log = {"origin": done.log.origin, "entries": done.log.entries, "root": done.log.root}
        shown = {"made_at": done.description.made_at, "blobs": done.description.blobs, "log": log}
        echo_json({**shown, "settings_aside": done.settings_aside, "stopped": done.stopped})
        return
    entries = counted(done.log.entries, "entry", "entries")
    say(f"Restored as of {done.description.made_at}: {entries} of the log, with the root that the backup states.")
    if done.settings_aside:
        say("There were settings already: those of the backup are in exhibit.toml.restored.")
    for name in done.description.left_out:
        say(f"Not in the backup, put it back yourself: {name}")
    if done.stopped:
        say(AFTER)
