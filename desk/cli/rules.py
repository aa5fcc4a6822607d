"""What the operator rules: which hosts are never visited, which bytes never stored, what goes and what may stay."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from desk.cli.common.frame import Desk, ask, examples, open_desk, person
from desk.cli.common.options import json_option, reason_option, yes_option
from desk.cli.common.show import counted, listed, moment, say
from exhibit.digests import Digest
from exhibit.errors import WrongUseError

HEX_DIGITS = 64


@click.command("deny", epilog=examples('exhibit deny shop.example --reason "Asked to be left out"', "exhibit deny"))
@click.argument("host", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to deny a host.")
@json_option
def deny_command(*, host: str | None, reason: str, as_json: bool) -> None:
    """Never visit HOST and the hosts below it; without an argument, list what is denied."""
    need_reason(host, reason)
    name = None if host is None else host_meant(host)
    desk = open_desk()
    from registry import models
    from registry.crawls import denylists

    if name is not None:
        denylists.deny(name, by=person(), reason=reason)
        say(f"{name} and the hosts below it aren't visited any more.")
        return
    rows = models.HostDenial.objects.order_by("host")
    list_rules(desk, "denied", "host", [(row.host, row.created_at, row.reason) for row in rows], as_json=as_json)


@click.command("allow", epilog=examples("exhibit allow shop.example"))
@click.argument("host")
def allow_command(*, host: str) -> None:
    """Take back that HOST isn't visited."""
    name = host_meant(host)
    open_desk()
    from registry.crawls import denylists

    denylists.allow(name, by=person())
    say(f"{name} may be visited again.")


@click.command("block", epilog=examples('exhibit block picture.jpg --reason "Opt-out"', "exhibit block --json"))
@click.argument("what", metavar="[DIGEST|FILE]", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to block something.")
@json_option
def block_command(*, what: str | None, reason: str, as_json: bool) -> None:
    """Never store certain bytes from now on; without an argument, list what is blocked.

    What is stored already stays; exhibit purge removes it.
    """
    digest = None if what is None else digest_meant(what)
    need_reason(what, reason)
    desk = open_desk()
    from registry import models
    from registry.crawls import denylists

    if digest is not None:
        new = denylists.block(digest, by=person(), reason=reason)
        say(f"{digest} is {'blocked' if new else 'blocked already'}.")
        return
    rows = models.BlockedDigest.objects.order_by("created_at")
    found = [(row.digest.hex, row.created_at, row.reason) for row in rows]
    list_rules(desk, "blocked", "digest", found, as_json=as_json)


@click.command("keep", epilog=examples('exhibit keep picture.jpg --reason "A portrait; nothing forbids it."'))
@click.argument("what", metavar="DIGEST|FILE")
@reason_option
def keep_command(*, what: str, reason: str) -> None:
    """Take back reports of a picture as illegal: it may stay, and the members who reported it see it again.

    The picture is named by its SHA-256 or by a file with the same bytes; exhibit doctor lists those that wait.
    """
    digest = digest_meant(what)
    open_desk()
    from registry.retention import reported

    owners = reported.let_stay(digest, by=person(), reason=reason)
    say(f"{digest} stays; {counted(owners, 'owner sees', 'owners see')} it again.")


@click.command("purge", epilog=examples('exhibit purge picture.jpg --reason "Court order 12/2026" --yes'))
@click.argument("what", metavar="DIGEST|FILE")
@reason_option
@yes_option
def purge_command(*, what: str, reason: str, yes: bool) -> None:
    """Remove a picture's bytes everywhere, for good, and never store them again.

    The picture is named by its SHA-256 or by a file with the same bytes. Its digest stays in the log. What goes with it
    is listed first: files that hold its bytes are removed, what shows it is set aside, and what merely stood on the
    same page stays.
    """
    digest = digest_meant(what)
    desk = open_desk()
    from registry.retention import purge

    for kept, words in ((False, "removed with it"), (True, "withheld from view, and kept")):
        of = Counter(
            (row.owner or "no owner", row.what) for row in purge.touched(desk.services, digest) if row.kept is kept
        )
        for (owner, of_what), files in sorted(of.items()):
            say(f"{owner}, {of_what}: {counted(files, 'file', 'files')} {words}")
    if not yes:
        ask(f"Remove {digest} everywhere? This can't be undone.")
    there = purge.purge(desk.services, digest, by=person(), reason=reason)
    say(f"{digest} is {'removed' if there else 'not here'}, and blocked from now on.")


def digest_meant(what: str) -> Digest:
    """The digest that is meant: 64 hexadecimal digits, or those of a file's bytes."""
    path = Path(what)
    try:
        if path.is_file():
            return Digest.of_file(path)
    except OSError as error:
        raise WrongUseError(f"{what} can't be read: {error.strerror}.") from error
    try:
        return Digest.from_hex(what)
    except ValueError:
        hint = f"Give a SHA-256 of {HEX_DIGITS} hexadecimal digits or a file."
        raise WrongUseError(f"{what!r} is neither a digest nor a file.", hint=hint) from None


def host_meant(text: str) -> str:
    """A host as crawls know it; an address of a page is taken for its host."""
    from exhibit.network.addresses import host_of

    name = host_of(text if "://" in text else f"http://{text}/")
    if not name or " " in name:
        raise WrongUseError(f"{text!r} isn't a host.", hint="Write shop.example.")
    return name


def need_reason(what: str | None, reason: str) -> None:
    """Raises ``WrongUseError`` where something is to be denied or blocked, and nobody says why."""
    if what is not None and not reason.strip():
        raise WrongUseError("A reason is needed; it is kept in the record.", hint="Add --reason TEXT.")


def list_rules(desk: Desk, name: str, what: str, rows: Sequence[tuple[str, datetime, str]], *, as_json: bool) -> None:
    """Show what is denied or blocked: rows of a name, since when, and why."""

    def line(row: Mapping[str, Any]) -> Sequence[object]:
        return row[what], moment(row["since"], desk.zone), row["reason"]

    columns = (what, "since", "reason")
    told = [dict(zip(columns, row, strict=True)) for row in rows]
    listed(name, told, columns, line, nothing=f"Nothing is {name}.", as_json=as_json)
