"""The operator's rules: hosts that aren't visited, bytes that aren't stored, and pictures that go or stay."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from desk.cli.common.command import AsJson, Reason, Word, Yes, command
from desk.cli.common.frame import Desk, ask, open_desk, person
from desk.cli.common.show import counted, echo_json, moment, say, table
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.errors import WrongUseError

HEX_DIGITS = 64


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
    from exhibit.network.urls import host_of

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
    if as_json:
        echo_json({name: [{what: one, "since": rfc3339(since), "reason": reason} for one, since, reason in rows]})
    elif not rows:
        say(f"Nothing is {name}.")
    else:
        table((what, "since", "reason"), [(one, moment(since, desk.zone), reason) for one, since, reason in rows])


@command("deny", 'exhibit deny shop.example --reason "Asked to be left out"', "exhibit deny")
@click.argument("host", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to deny a host.")
def deny_command(*, host: str | None, reason: str, as_json: AsJson) -> None:
    """Never visit HOST and the hosts below it; without an argument, list what is denied."""
    need_reason(host, reason)
    name = None if host is None else host_meant(host)
    desk = open_desk()
    from registry.crawls import denylists
    from registry.models import HostDenial

    if name is not None:
        denylists.deny(name, by=person(), reason=reason)
        say(f"{name} and the hosts below it aren't visited any more.")
        return
    rows = HostDenial.objects.order_by("host")
    found = [(row.host, row.created_at, row.reason) for row in rows]
    list_rules(desk, "denied", "host", found, as_json=as_json)


@command("allow", "exhibit allow shop.example")
def allow_command(*, host: Word) -> None:
    """Take back that HOST isn't visited."""
    name = host_meant(host)
    open_desk()
    from registry.crawls import denylists

    denylists.allow(name, by=person())
    say(f"{name} may be visited again.")


@command("block", 'exhibit block picture.jpg --reason "Opt-out"', "exhibit block --json")
@click.argument("what", metavar="[DIGEST|FILE]", required=False)
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to block something.")
def block_command(*, what: str | None, reason: str, as_json: AsJson) -> None:
    """Never store certain bytes from now on; without an argument, list what is blocked.

    What is stored already stays; exhibit purge removes it.
    """
    digest = None if what is None else digest_meant(what)
    need_reason(what, reason)
    desk = open_desk()
    from registry.crawls import denylists
    from registry.models import BlockedDigest

    if digest is not None:
        new = denylists.block(digest, by=person(), reason=reason)
        say(f"{digest} is {'blocked' if new else 'blocked already'}.")
        return
    rows = BlockedDigest.objects.order_by("created_at")
    found = [(row.digest.hex, row.created_at, row.reason) for row in rows]
    list_rules(desk, "blocked", "digest", found, as_json=as_json)


@command("purge", 'exhibit purge picture.jpg --reason "Court order 12/2026" --yes')
@click.argument("what", metavar="DIGEST|FILE")
def purge_command(*, what: str, reason: Reason, yes: Yes) -> None:
    """Remove a picture's bytes everywhere, for good, and never store them again.

    The picture is named by its SHA-256 or by a file with the same bytes. Its digest stays in the log. What goes with it
    is listed first: files that hold its bytes are removed, what shows it is set aside, and what merely stood on the
    same page stays.
    """
    digest = digest_meant(what)
    desk = open_desk()
    from workers.cases.purge import purge, touched

    for kept, words in ((False, "removed with it"), (True, "withheld from view, and kept")):
        of = Counter((row.owner or "no owner", row.what) for row in touched(desk.services, digest) if row.kept is kept)
        for (owner, of_what), files in sorted(of.items()):
            say(f"{owner}, {of_what}: {counted(files, 'file', 'files')} {words}")
    if not yes:
        ask(f"Remove {digest} everywhere? This can't be undone.")
    there = purge(desk.services, digest, by=person(), reason=reason)
    say(f"{digest} is {'removed' if there else 'not here'}, and blocked from now on.")


@command("keep", 'exhibit keep picture.jpg --reason "A portrait; nothing forbids it."')
@click.argument("what", metavar="DIGEST|FILE")
def keep_command(*, what: str, reason: Reason) -> None:
    """Take back reports of a picture as illegal: it may stay, and the members who reported it see it again.

    The picture is named by its SHA-256 or by a file with the same bytes; exhibit doctor lists those that wait.
    """
    digest = digest_meant(what)
    open_desk()
    from workers.cases.reported import let_stay

    owners = let_stay(digest, by=person(), reason=reason)
    say(f"{digest} stays; {counted(owners, 'owner sees', 'owners see')} it again.")
