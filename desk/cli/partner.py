"""Other installations that witness the log, and whose logs are witnessed here."""

from pathlib import Path

import click

from desk.cli.common.files import read_file
from desk.cli.common.frame import ask, examples, open_desk, person
from desk.cli.common.options import json_option, reason_option, yes_option
from desk.cli.common.show import counted, echo_json, fields, listed, moment, say, table, tell, tracked
from exhibit.clock import rfc3339
from exhibit.errors import WrongUseError

partner_command = click.Group("partner", help="Other installations that you work with; docs/alliance.md explains.")


@partner_command.command(
    "card", epilog=examples("exhibit partner card > our-card.json"), short_help="Print your own card."
)
def print_card() -> None:
    """Print this installation's card: the address of its site, and the public keys of its log and its witness.

    Hand it to the operators you work with. Both sides compare the keys by another way, such as the telephone.
    """
    desk = open_desk()
    from registry.alliance import signed_calls

    echo_json(signed_calls.own_card(desk.services))


@partner_command.command(
    "add",
    epilog=examples("exhibit partner add anna https://anna.example", "exhibit partner add anna anna-card.json --yes"),
    short_help="Work with another installation.",
)
@click.argument("name")
@click.argument("card", metavar="URL|FILE")
@yes_option
def add_partner(*, name: str, card: str, yes: bool) -> None:
    """Work with the installation at URL, or whose card is FILE, under NAME; its log is witnessed here from then on.

    The keys are shown first: compare them with what its operator says. Under a NAME that is taken the partner gets
    the new card's address and keys. To have your own log witnessed there, add the lines that are printed to
    exhibit.toml, and ask its operator to add you.
    """
    desk = open_desk()
    from registry.alliance import partners, signed_calls

    on_web = card.startswith(("http://", "https://"))
    given = signed_calls.fetch_card(desk.services, card) if on_web else read_file(Path(card), signed_calls.MAX_CARD)
    found = signed_calls.read_card(desk.services, given)
    if on_web and found.url.rstrip("/") != card.rstrip("/"):
        hint = "If its operator has told you that address, name it instead."
        raise WrongUseError(f"The card names another address, {found.url}.", hint=hint)
    fields(("address", found.url), ("log", found.log), ("witness", found.witness))
    if not yes:
        ask("Are these the keys that its operator told you?")
    partners.add(name, found.url, found.log, found.witness, by=person())
    say(f"Added. To have your log witnessed by {name}, add to exhibit.toml and start again:")
    lines = ("[[anchors]]", 'kind = "cosignature"', f'name = "{name}"', f'urls = ["{found.url}/witness"]')
    for line in ("", *lines, f'key = "{found.witness}"'):
        say(line)


@partner_command.command(
    "list", epilog=examples("exhibit partner list"), short_help="Say who they are, and how their logs are."
)
@json_option
def list_partners(*, as_json: bool) -> None:
    """List partners, those too that were revoked, with what was wrong when their logs were looked at last."""
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry import models

    found = schemas.Partner.from_rows(models.Partner.objects.order_by("name", "pk"))

    def line(row: schemas.Partner) -> tuple[object, ...]:
        state = "its log has forked" if row.forked else row.fault or "well"
        state = f"revoked: {row.reason}" if row.revoked_at else state
        return row.name, row.url, row.log.partition("+")[0], moment(row.looked_at, desk.zone), state

    nothing = "There are no partners yet. Exchange cards with one: exhibit partner card"
    listed("partners", found, ("name", "address", "log", "looked at", "state"), line, nothing=nothing, as_json=as_json)


@partner_command.command(
    "capture",
    epilog=examples("exhibit partner capture anna --ask", "exhibit partner capture anna --allow 200"),
    short_help="Visit pages with each other.",
)
@click.argument("name")
@click.option("--ask/--no-ask", default=None, help="Whether it is asked to visit with us at each capture of a case.")
@click.option(
    "--allow", type=click.IntRange(0, 100_000), metavar="N", help="So many visits a day are made for it here."
)
def set_captures(*, name: str, ask: bool | None, allow: int | None) -> None:
    """Ask the partner NAME to visit pages and pictures with us, or visit for it. Neither is so by default.

    Whoever is asked learns which page and picture a case is about, though not whose. What comes back stands in the
    evidence, with what agrees. Visits for a partner reach the public web only, and each is an entry of our log.
    """
    open_desk()
    from registry.alliance import partners

    if ask is None and allow is None:
        raise WrongUseError("Nothing is to be changed.", hint="Give --ask, --no-ask or --allow N.")
    row = partners.named(name)
    partners.set_captures(row, ask=ask, visits=allow, by=person())
    asked = "is asked to visit with us" if row.captures else "isn't asked to visit with us"
    say(f"{name} {asked}, and may have {row.visits} visits a day made here.")


@partner_command.command(
    "compare", epilog=examples("exhibit partner compare"), short_help="Compare their logs' heads now."
)
def compare_logs() -> None:
    """Compare the heads of partners' logs now, as is done every hour; ends with 1 where something is wrong.

    Of each log, what it shows here is held against what was cosigned here and what other partners have cosigned. Two
    heads that one log has signed and that can't both be true are kept as proof: exhibit partner forks.
    """
    desk = open_desk()
    from registry.alliance import cosigning

    wrong = cosigning.compare_heads(desk.services)
    for name, fault in wrong.items():
        say(f"{name}: {fault}")
    if wrong:
        raise click.exceptions.Exit(1)
    say("Nothing is wrong with what could be compared.")


@partner_command.command(
    "feed", epilog=examples("exhibit partner feed anna --most 5000"), short_help="Look for what a partner publishes."
)
@click.argument("name")
@click.option("--most", type=click.IntRange(1), default=10_000, metavar="N", help="So many pictures seen, the newest.")
@json_option
def read_partners_feed(*, name: str, most: int, as_json: bool) -> None:
    """Look which pictures seen here look like those that the partner NAME publishes in its feed of PDQ hashes.

    The feed counts when its log's key has signed it and none that was read before is newer. It is held against the
    newest pictures seen in public whose bytes are here; mirrored, turned and cropped copies are mostly missed. A near
    hash proves nothing and makes no case: look at both pictures.
    """
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry.alliance import partners, pdq_feed
    from registry.crawls import sightings

    feed = pdq_feed.read_feed(desk.services, partners.named(name))
    held = list(sightings.seen_publicly().filter(bytes_state="stored").order_by("-pk")[:most])
    found, compared = pdq_feed.near(desk.services, feed, tracked(held, "Comparing"))
    rows = [schemas.FeedFind.from_row(seen, bits=bits, theirs=page) for bits, page, seen in found]
    told = {"feed_at": rfc3339(feed.at), "hashes": len(feed.pages), "compared": compared, "found": rows}
    hashes = counted(len(feed.pages), "hash", "hashes")
    heading = f"{hashes} of {moment(feed.at, desk.zone)}; pictures compared: {compared:,}; near: {len(rows):,}."
    tell(told, heading, as_json=as_json)
    if rows and not as_json:
        lines = [(row.bits, row.page, row.theirs, moment(row.seen, desk.zone)) for row in rows]
        table(("bits of 256 that differ", "seen on", "their page", "first seen"), lines)


@partner_command.command(
    "forks", epilog=examples("exhibit partner forks > proof.json"), short_help="Print contradicting heads."
)
def print_forks() -> None:
    """Print, as JSON, the pairs of signed heads by which logs have contradicted themselves.

    Anybody can check them: both are signed by the log's key; of the same size they have different roots, of different
    sizes the consistency proof leads to the larger root and not from the smaller one (RFC 9162).
    """
    open_desk()
    from registry import models

    rows = models.LogFork.objects.select_related("partner").order_by("pk")
    told = [
        {"log": row.partner.log_key, "known": row.known, "other": row.other, "path": row.path, "source": row.source}
        for row in rows
    ]
    echo_json({"forks": told})


@partner_command.command("revoke", epilog=examples('exhibit partner revoke anna --reason "Its log has forked"'))
@click.argument("name")
@reason_option
def revoke_partner(*, name: str, reason: str) -> None:
    """Take nothing more from the partner NAME, and ask it nothing more. What it has signed stays."""
    open_desk()
    from registry.alliance import partners

    partners.revoke(partners.named(name), by=person(), reason=reason)
    say(f"{name} is revoked. If it witnesses your log, take it out of exhibit.toml, too.")
