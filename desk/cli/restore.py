"""`exhibit restore`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import exit_with, format_examples
from desk.cli.common.options import EXISTING_PATH, json_option
from desk.cli.common.output import echo_json, echo_note, echo_text, format_count
from exhibit.errors import ExitCode
from registry.configuration import load_config

if TYPE_CHECKING:
    from workers.database import restore

KEYS_HINT = "Restore the folder secrets/, or replace the keys: exhibit key rotate"
NEXT_STEPS = """\
The log is complete, but signing is stopped: checkpoints may have been signed after the backup, and the log must never
sign different entries under the same number. Find out whether checkpoints were signed after the backup:
  1. Compare the log with the latest bundle that you delivered, or with a checkpoint stored elsewhere:
       exhibit log verify --against bundle.zip
  2. If nothing was signed after the backup (for example, Exhibit was stopped before the backup and not started again):
       exhibit api POST /operator/log/accept-head --field reason="moved to a new machine"
  3. If something was signed, or you do not know:
       exhibit api POST /operator/log/new-origin --field reason="restored the backup of …"
       exhibit trust our-keys.json
docs/reference/log.md explains the reasons. Do not start the original installation again."""


@click.command(
    "restore", epilog=format_examples("exhibit restore /mnt/backup/exhibit", "exhibit restore /mnt/monday.tar")
)
@click.argument("backup", metavar="BACKUP", type=EXISTING_PATH)
@json_option
def restore_command(*, backup: Path, as_json: bool) -> None:
    """Restore a BACKUP into an empty data folder, and show the next steps for the log.

    After an interruption, run the command again. Exits with 1 if the backup is damaged, with 2 if the database contains
    data, with 4 if files are missing because they were damaged at the time of the backup.
    """
    from workers.database import restore

    result = restore.restore_backup(load_config(), backup, echo_note)
    if as_json:
        log = {"origin": result.log.origin, "entries": result.log.entries, "root": result.log.root}
        values = {"made_at": result.description.made_at, "blobs": result.description.blobs, "log": log}
        problems = {"damaged": list(result.description.damaged), "closed_keys": result.locked_keys_reason}
        echo_json(
            {
                **values,
                **problems,
                "settings_aside": result.has_settings_conflict,
                "stopped": result.signing_stop_reason,
            }
        )
    else:
        _echo_summary(result)
    if result.description.damaged:
        exit_with(ExitCode.INCOMPLETE)


def _echo_summary(result: "restore.RestoreResult") -> None:
    entries = format_count(result.log.entries, "entry", "entries")
    echo_text(f"Restored the backup of {result.description.made_at}: {entries} in the log; the root hash is correct.")
    if result.has_settings_conflict:
        echo_text("Existing settings were kept. The backup's settings are in exhibit.toml.restored.")
    for name in result.description.left_out:
        echo_text(f"Not in the backup; restore it separately: {name}")
    for digest in result.description.damaged:
        echo_text(f"Not in the backup, because it was damaged: {digest}")
    if result.description.damaged:
        echo_text("Restore these files from another backup, or add the same pictures again.")
    if result.locked_keys_reason:
        echo_text(
            "Sealing is not possible, because owners' keys cannot be decrypted. "
            f"{result.locked_keys_reason} {KEYS_HINT}"
        )
    if result.signing_stop_reason:
        echo_text(NEXT_STEPS)
