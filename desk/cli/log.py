"""The append-only log: what it holds, proofs of it, whether it is whole, and what to do after a restore."""

from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import Desk, ask, examples, finish, open_desk, person
from desk.cli.common.options import AT_LEAST_1, THERE, json_option, reason_option, yes_option
from desk.cli.common.show import counted, echo_json, fields, listed, moment, say
from exhibit.entries import EntryType
from exhibit.errors import ExitCode, IntegrityError, NotFoundError, WrongUseError

if TYPE_CHECKING:
    from desk.schemas import log as schemas
    from registry import models

UNDER = "Under the signed head of N entries; the newest by default."
log_command = click.Group(
    "log",
    help="The append-only log of everything that counts: registrations, crawls, decisions, seals, keys, accesses.",
)


@log_command.command("status", epilog=examples("exhibit log status"))
@json_option
def log_status(*, as_json: bool) -> None:
    """Say how long the log is, what was signed last, under which names and key, and whether signing goes on.

    Ends with 1 when nothing more is signed until you have decided about a break.
    """
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry import models
    from registry.log import log as log_rows
    from registry.log.own_log import get_log

    log = get_log(desk.services)
    newest = models.LogCheckpoint.objects.filter(origin=log.origin).order_by("-size").first()
    stopped = log.stopped()
    told = {
        "origin": log.origin,
        "entries": log_rows.PostgresLogStore().size(),
        "waiting": models.LogWaiting.objects.count(),
        "head": None if newest is None else schemas.Head.from_row(newest),
        "public_keys": log.vkeys(),
        "stopped": stopped,
    }
    if as_json:
        echo_json(told)
    else:
        signed = (
            "" if newest is None else f"{counted(newest.size, 'entry', 'entries')}, {moment(newest.made_at, desk.zone)}"
        )
        waiting = told["waiting"] or ""
        fields(("name", log.origin), ("entries", told["entries"]), ("waiting", waiting), ("signed head", signed))
        fields(*[("public key", vkey) for vkey in log.vkeys()])
        say(f"Nothing more is signed: {stopped}" if stopped else "Signing goes on.")
    finish(ExitCode.CHECK_FAILED if stopped else ExitCode.DONE)


@log_command.command("list", epilog=examples("exhibit log list", "exhibit log list --type access --last 100"))
@click.option("--type", "kind", metavar="TYPE", help="Only those of one type, such as decision, key or access.")
@click.option("--last", type=click.IntRange(1, 100_000), default=20, show_default=True, metavar="N", help="How many.")
@json_option
def list_entries(*, kind: str | None, last: int, as_json: bool) -> None:
    """List the newest entries with what they open to, as far as that is kept."""
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry import models

    if kind is not None and kind not in {*EntryType}:
        raise WrongUseError(f"There is no type {kind!r} of entries.", hint=f"There are: {', '.join(EntryType)}.")
    rows = models.LogEntry.objects.select_related("submission__opening").order_by("-sequence")
    found = schemas.Entry.from_rows((rows if kind is None else rows.filter(type=kind))[:last])[::-1]

    def line(entry: schemas.Entry) -> list[object]:
        return [entry.sequence, moment(entry.time, desk.zone), entry.type, _words(entry)]

    columns, nothing = ("entry", "time", "type", "says"), "There is no such entry yet."
    listed("entries", found, columns, line, nothing=nothing, as_json=as_json)


def _words(entry: "schemas.Entry") -> str:
    """What an entry opens to in one line; nested values and digests are left to --json."""
    if entry.opening is None:
        return "(erased)"
    told = {**entry.opening, **(entry.details or {})}
    short = {name: value for name, value in told.items() if isinstance(value, (str, int)) and name != "salt"}
    return ", ".join(f"{name}: {value}" for name, value in short.items() if len(str(value)) < 60 and value != "")


@log_command.command("verify", epilog=examples("exhibit log verify", "exhibit log verify --json"))
@json_option
def verify_log(*, as_json: bool) -> None:
    """Replay the whole log: entries, hashes, every signed head, and what entries commit to where it is kept.

    Writes nothing. Ends with 1 when anything is wrong, and names it.
    """
    desk = open_desk()
    from registry.log import replay

    found = replay.replay(desk.services)
    if as_json:
        echo_json(asdict(found))
    else:
        heads, openings = counted(found.checkpoints, "signed head"), counted(found.openings, "opening")
        say(f"{counted(found.entries, 'entry', 'entries')}, {heads}, {openings} read; {found.erased} erased.")
        for problem in found.problems:
            say(f"WRONG  {problem}")
        say("The log is whole." if not found.problems else f"{counted(len(found.problems), 'thing')} wrong.")
    finish(ExitCode.CHECK_FAILED if found.problems else ExitCode.DONE)


@log_command.command("prove", epilog=examples("exhibit log prove 17", "exhibit log prove 17 --size 120"))
@click.argument("sequence", type=click.IntRange(min=0))
@click.option("--size", type=AT_LEAST_1, metavar="N", help=UNDER)
def prove_entry(*, sequence: int, size: int | None) -> None:
    """Print the inclusion proof (RFC 9162) of entry SEQUENCE as JSON, with the entry and the signed head.

    Details of an opening, such as names and reasons, aren't part of it; exhibit log list --json has them.
    """
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry import models
    from registry.log.own_log import get_log

    head = _checkpoint(desk, size)
    row = models.LogEntry.objects.select_related("submission__opening").filter(sequence=sequence).first()
    if row is None:
        raise NotFoundError(f"The log has no entry {sequence}.")
    path = get_log(desk.services).inclusion(sequence, head.size)
    shown = schemas.Entry.from_row(row).model_dump(mode="json", exclude={"details"})  # names nobody that it needn't
    echo_json({**shown, "size": head.size, "path": [step.hex() for step in path], "checkpoint": head.note})


def _checkpoint(desk: Desk, size: int | None) -> "models.LogCheckpoint":
    from registry import models
    from registry.log.own_log import get_log

    rows = models.LogCheckpoint.objects.filter(origin=get_log(desk.services).origin).order_by("-size")
    found = rows.first() if size is None else rows.filter(size=size).first()
    if found is None:
        what = "No head was signed yet." if size is None else f"No head of {size} entries was signed."
        raise NotFoundError(what, hint="Heads are signed while workers run: exhibit up")
    return found


@log_command.command(
    "check-against", epilog=examples("exhibit log check-against bundle.zip", "exhibit log check-against seen.txt")
)
@click.argument("files", nargs=-1, required=True, type=THERE)
@json_option
def check_log_against(*, files: tuple[Path, ...], as_json: bool) -> None:
    """Hold FILES (bundles that were handed out, or checkpoints that somebody kept) against the log.

    Ends with 1 when the log doesn't continue what they show: nothing is signed then until `exhibit log new-origin`.
    """
    desk = open_desk()
    from registry.log import history

    try:
        found = history.check_against(desk.services, files)
    except IntegrityError as error:  # of a file, and nothing about the log
        raise WrongUseError(error.message, hint=error.hint) from error
    broken = any(problem.outcome is history.Compared.BROKEN for problem in found)
    columns, line = ("name", "entries", "outcome", "says"), itemgetter("origin", "size", "outcome", "sentence")
    told, nothing = list(map(asdict, found)), "They hold no checkpoint."
    listed("checkpoints", told, columns, line, nothing=nothing, as_json=as_json)
    finish(ExitCode.CHECK_FAILED if broken else ExitCode.DONE)


@log_command.command("accept-head", epilog=examples('exhibit log accept-head --reason "moved to a new disk"'))
@reason_option
def accept_log_head(*, reason: str) -> None:
    """State that nothing was signed beyond what is known here, and go on signing under the same name.

    For a data folder that was moved, or put back without loss. Refused when what is known says otherwise.
    """
    desk = open_desk()
    from registry.log import history

    head = history.accept_head(desk.services, by=person(), reason=reason)
    say(f"Signing goes on after the head of {counted(head.size, 'entry', 'entries')}.")


@log_command.command("new-origin", epilog=examples('exhibit log new-origin --reason "restored the backup of Monday"'))
@reason_option
@click.option("--name", default="", metavar="NAME", help="The new name; made of the old one and the day by default.")
def begin_new_origin(*, reason: str, name: str) -> None:
    """Sign under a new name from now on, and record the break: after a restore that lost entries.

    Bundles that were handed out stay as they are. Those who check need the log's new public key: exhibit trust
    """
    desk = open_desk()
    from registry.log import history

    say(f"The log is named {history.new_origin(desk.services, by=person(), reason=reason, name=name)} from now on.")
    say("Hand out its public key: exhibit trust FILE")


@log_command.command(
    "erase",
    epilog=examples(
        'exhibit log erase 17 --reason "asked for by mail"',
        'exhibit log erase 17 23 40 --reason "asked for by mail" --yes',
    ),
)
@click.argument("sequences", nargs=-1, required=True, type=click.IntRange(min=0))
@reason_option
@yes_option
def erase_entries(*, sequences: tuple[int, ...], reason: str, yes: bool) -> None:
    """Erase for good what the entries SEQUENCES commit to; they stay, tell nothing, and the log stays whole.

    Bundles made from then on can't show what was erased.
    """
    open_desk()
    from registry.log import log as log_rows

    if not yes:
        ask(f"Erase what these entries open to: {', '.join(map(str, sequences))}? This can't be undone.")
    erased = log_rows.erase_openings(sequences, by=person(), reason=reason)
    before = sorted({*sequences} - {*erased})
    if erased:
        say(f"Erased what these entries open to: {', '.join(map(str, erased))}.")
    if before:
        say(f"Erased before: {', '.join(map(str, before))}.")
