"""Rights holders."""

from operator import attrgetter
from typing import Annotated

import click

from desk.cli.common.command import AsJson, Taken, TheirOwner, Word, command
from desk.cli.common.frame import Desk, person as by_person
from desk.cli.common.show import listed, say, tell

OnOrOff = Annotated[
    bool, Taken(type=click.Choice(["on", "off"]), metavar="on|off", found=lambda _desk, said: said == "on")
]
owner_command = click.Group("owner", help="Rights holders, each with works, watches and cases of its own.")


@command("add", '"Studio Example" --contact rights@studio.example', of=owner_command)
@click.option("--slug", default="", metavar="WORD", help="A short name for commands; made of the name by default.")
@click.option("--contact", default="", metavar="TEXT", help="Where it is reached; shown in documents.")
def add_owner(*, _desk: Desk, name: Word, slug: str, contact: str, as_json: AsJson) -> None:
    """Add the rights holder NAME."""
    from desk.schemas import owners as schemas
    from registry.accounts import people

    owner = people.add_owner(name, slug=slug, contact=contact, by=by_person())
    said = f"Added {owner.name}; commands take it as --owner {owner.slug}."
    tell(schemas.Owner.from_row(owner), said, as_json=as_json)


@command("derived", "on", "off", of=owner_command)
def derived_of_owner(*, wanted: OnOrOff, owner: TheirOwner) -> None:
    """Show works derived from the owner's, of which only structure survives, from now on, or no more."""
    from registry.accounts import people

    people.ask_for(owner, "derived", wanted=wanted, by=by_person())
    say(f"Derived works of {owner.name} are shown{'' if wanted else ' no more'}.")


@command("web-archive", "on", "off", of=owner_command)
def web_archive_of_owner(*, wanted: OnOrOff, owner: TheirOwner) -> None:
    """Have a web archive asked to save the pages of cases that are not licensed, too, from now on, or no more.

    It makes them public and learns their addresses. The operator names it: web_archive_url. Off at first.
    """
    from registry.accounts import people

    people.ask_for(owner, "web_archive", wanted=wanted, by=by_person())
    say(f"For {owner.name} a web archive is asked {'from now on' if wanted else 'no more'}.")


@command("passkeys", "on", "off", of=owner_command)
def passkeys_of_owner(*, wanted: OnOrOff, owner: TheirOwner) -> None:
    """Have members sign grave decisions with a passkey from now on, or no more.

    These are: calling a case not licensed, signing a notice, purging a picture, revoking a key. A terminal can't ask
    for a passkey and refuses them then; they are done on the site, one at a time.
    """
    from workers.evidence import passkeys

    passkeys.switch(owner, wanted=wanted, by=by_person(), operator=True)
    say(f"Grave decisions of {owner.name} need a passkey {'from now on' if wanted else 'no more'}.")


@command("sample", "on ann@example.org", of=owner_command)
def sample_owner(*, desk: Desk, wanted: OnOrOff, email: Word) -> None:
    """Give the user EMAIL a sample owner to look around in, or take it away with all that was done in it.

    It holds four works and finds on two sites that don't exist. Nothing of it is logged, counted or sent.
    """
    from registry.accounts import people, samples
    from workers.cases import sample

    person = people.user(email)
    if wanted:
        say(f"{sample.add_sample(desk.services, person).name}: it is in the list of owners on the site.")
    elif (there := samples.sample_of(person)) is None:
        say("There is no sample.")
    else:
        sample.remove_sample(there, by=by_person())
        say("The sample is gone, with all that was done in it.")


@command("list", "", "--json", of=owner_command)
def list_owners(*, _desk: Desk, as_json: AsJson) -> None:
    """List all rights holders."""
    from desk.schemas import owners as schemas
    from registry import models

    found = schemas.Owner.from_rows(models.Owner.objects.order_by("slug"))
    columns = ("owner", "name", "works", "watches", "open cases", "members")
    line = attrgetter("owner", "name", "works", "watches", "open_cases", "members")
    nothing = 'There is no owner yet. Add one: exhibit owner add "NAME"'
    listed("owners", found, columns, line, nothing=nothing, as_json=as_json)
