"""Parties: whoever showed a work of the owner."""

from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

import click

from desk.cli.common.command import AsJson, Taken, TheirOwner, Word, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import fields, listed, only_json, told

if TYPE_CHECKING:
    from registry import models

party_command = click.Group("party", help="Whoever showed a work: cases, contacts, what registries say, what worked.")
Words = Annotated[str, Taken("--find", default="", metavar="TEXT", help="Only those with this in their name.")]


@command("list", "", "--find shop --json", of=party_command)
def list_parties(*, owner: TheirOwner, words: Words, as_json: AsJson) -> None:
    """List the parties of the owner's cases, those with the most to do first."""
    from desk.schemas.parties import parties as schemas
    from registry.parties import parties

    found = schemas.PartyLine.from_rows(parties.lines(parties.parties(owner, words)))
    columns = ("party", "cases", "to decide", "not licensed", "removed", "places")
    line = attrgetter("party", "cases", "waiting", "confirmed", "removed", "places")
    listed("parties", found, columns, line, nothing="There is no such party.", as_json=as_json)


@command("show", "shop.example", of=party_command)
def show_party(*, name: Word, owner: TheirOwner, as_json: AsJson) -> None:
    """Show the party NAME: cases, works, notices, contacts, and what registries said of it."""
    _show(owner, name, as_json=as_json)


@command("look-up", "shop.example", of=party_command)
def look_up_party(*, desk: Desk, name: Word, owner: TheirOwner, as_json: AsJson) -> None:
    """Ask registries (RDAP) who registered the domain of the party NAME, and whose network its host is in.

    They learn which name is asked about. What they said within a day is shown instead.
    """
    from workers.parties import rdap
    from workers.steps.cases import lookup

    lookup.look_up(desk.services, [rdap.have_asked(desk.services, owner, name, by=person()).pk])
    _show(owner, name, as_json=as_json)


@command("worked", of=party_command)
def show_outcomes(*, owner: TheirOwner, as_json: AsJson) -> None:
    """List what came of the notices that were sent, by kind: removals, answers, median days."""
    from desk.schemas.parties import parties as schemas
    from registry.parties import parties

    found = schemas.NoticeOutcome.from_rows(parties.outcomes(owner))
    names = ("kind", "sent", "removed", "answered", "days_to_removal", "days_to_answer")
    columns = [name.replace("_", " ") for name in names]
    listed("outcomes", found, columns, attrgetter(*names), nothing="No notice was sent yet.", as_json=as_json)


def _show(owner: "models.Owner", name: str, *, as_json: bool) -> None:
    from desk.schemas.parties import parties as schemas

    one = schemas.Party.of(owner, name)
    only_json(one, asked=as_json)
    counted = ("party", "cases", "waiting", "confirmed", "removed", "places", "case_numbers", "works", "notices")
    contacts = (("contact", " ".join(filter(None, (each.name, each.email, each.source)))) for each in one.contacts)
    fields(*told(one, *counted), *contacts)
    for answer in one.lookup.answers if one.lookup else ():
        click.echo()
        fields(*answer.model_dump().items())
