"""`exhibit backup`."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import exit_with, format_examples, open_command_context
from desk.cli.common.options import ANY_PATH, json_option
from desk.cli.common.output import echo_json, echo_note, echo_text, format_count
from exhibit.config.secrets import MASTER_KEY, NEXT_MASTER_KEY
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from workers.database.backup_format import BackupDescription


@click.command("backup", epilog=format_examples("exhibit backup /mnt/backup/exhibit", "exhibit backup /mnt/monday.tar"))
@click.argument("target", metavar="TARGET", type=ANY_PATH)
@click.option(
    "--without-keys", is_flag=True, help="Exclude the folder secrets/, which sealing requires. Back it up separately."
)
@json_option
def backup_command(*, target: Path, without_keys: bool, as_json: bool) -> None:
    """Back up the database, stored files and secrets to TARGET, a folder or a file NAME.tar, and verify the backup.

    Exhibit may be running. If TARGET is a folder, only new files are copied, and the previous backup stays valid until
    the new one is complete. After an interruption, run the command again. Exits with 4 if damaged files were omitted.
    """
    context = open_command_context()
    from workers.database import backup

    description = backup.back_up(context.services, target, keys=not without_keys, report=echo_note)
    if as_json:
        log = {"origin": description.log.origin, "entries": description.log.entries, "root": description.log.root}
        file_names = [f"files/{part.path}" for part in description.files]
        values = {
            "place": str(target),
            "made_at": description.made_at,
            "blobs": description.blobs,
            "files": file_names,
            "log": log,
        }
        echo_json({**values, "left_out": list(description.left_out), "damaged": list(description.damaged)})
    else:
        _echo_summary(description, target)
    if description.damaged:
        exit_with(ExitCode.INCOMPLETE)


def _echo_summary(description: "BackupDescription", target: Path) -> None:
    headline = "Backup verified, but incomplete" if description.damaged else "Backup verified"
    echo_text(f"{headline}: {target}. {format_count(description.log.entries, 'entry', 'entries')} in the log.")
    for name in description.left_out:
        echo_text(f"Excluded: {name}")
    for digest in description.damaged:
        echo_text(f"Omitted damaged file: {digest}")
    if description.damaged:
        echo_text("Check the disk. Restore these files from an earlier backup, or add the same pictures again.")
    if secret_names := {
        path.name for part in description.files if (path := PurePosixPath(part.path)).parts[0] == "secrets"
    }:
        echo_text(f"The backup contains {_describe_secrets(secret_names)}")


def _describe_secrets(secret_names: set[str]) -> str:
    """Describe the secrets in the backup, as the end of a sentence."""
    if secret_names & {MASTER_KEY, NEXT_MASTER_KEY}:
        return "the keys. Anyone who can read the backup can sign as your owners."
    return f"secrets ({', '.join(sorted(secret_names))}), but not the master key. Sealing requires the master key."
