"""Rights holders."""

from operator import attrgetter

import click

from desk.cli.common.frame import examples, open_desk, person as by_person
from desk.cli.common.options import json_option, owner_option
from desk.cli.common.show import listed, say, tell

owner_command = click.Group("owner", help="Rights holders, each with works, watches and cases of its own.")


@owner_command.command("add", epilog=examples('exhibit owner add "Studio Example" --contact rights@studio.example'))
@click.argument("name")
@click.option("--slug", default="", metavar="WORD", help="A short name for commands; made of the name by default.")
@click.option("--contact", default="", metavar="TEXT", help="Where it is reached; shown in documents.")
@json_option
def add_owner(*, name: str, slug: str, contact: str, as_json: bool) -> None:
    """Add the rights holder NAME."""
    open_desk()
    from desk.schemas import owners as schemas
    from registry.members import people

    owner = people.add_owner(name, slug=slug, contact=contact, by=by_person())
    said = f"Added {owner.name}; commands take it as --owner {owner.slug}."
    tell(schemas.Owner.from_row(owner), said, as_json=as_json)


@owner_command.command("derived", epilog=examples("exhibit owner derived on", "exhibit owner derived off"))
@click.argument("wanted", type=bool, metavar="on|off")
@owner_option
def derived_of_owner(*, wanted: bool, named: str | None) -> None:
    """Show works derived from the owner's, of which only structure survives, from now on, or no more."""
    owner = open_desk().owner(named)
    from registry.members import people

    people.ask_for(owner, "derived", wanted=wanted, by=by_person())
    say(f"Derived works of {owner.name} are shown{'' if wanted else ' no more'}.")


@owner_command.command("web-archive", epilog=examples("exhibit owner web-archive on", "exhibit owner web-archive off"))
@click.argument("wanted", type=bool, metavar="on|off")
@owner_option
def web_archive_of_owner(*, wanted: bool, named: str | None) -> None:
    """Have a web archive asked to save the pages of cases that are not licensed, too, from now on, or no more.

    It makes them public and learns their addresses. The operator names it: web_archive_url. Off at first.
    """
    owner = open_desk().owner(named)
    from registry.members import people

    people.ask_for(owner, "web_archive", wanted=wanted, by=by_person())
    say(f"For {owner.name} a web archive is asked {'from now on' if wanted else 'no more'}.")


@owner_command.command("passkeys", epilog=examples("exhibit owner passkeys on", "exhibit owner passkeys off"))
@click.argument("wanted", type=bool, metavar="on|off")
@owner_option
def passkeys_of_owner(*, wanted: bool, named: str | None) -> None:
    """Have members sign grave decisions with a passkey from now on, or no more.

    These are: calling a case not licensed, signing a notice, purging a picture, revoking a key. A terminal can't ask
    for a passkey and refuses them then; they are done on the site, one at a time.
    """
    owner = open_desk().owner(named)
    from registry.keys import passkeys

    passkeys.switch(owner, wanted=wanted, by=by_person(), operator=True)
    say(f"Grave decisions of {owner.name} need a passkey {'from now on' if wanted else 'no more'}.")


@owner_command.command("sample", epilog=examples("exhibit owner sample on ann@example.org"))
@click.argument("wanted", type=bool, metavar="on|off")
@click.argument("email")
def sample_owner(*, wanted: bool, email: str) -> None:
    """Give the user EMAIL a sample owner to look around in, or take it away with all that was done in it.

    It holds four works and finds on two sites that don't exist. Nothing of it is logged, counted or sent.
    """
    desk = open_desk()
    from registry.cases import sample
    from registry.members import people, samples
    from registry.retention import sample_removal

    person = people.user(email)
    if wanted:
        say(f"{sample.add_sample(desk.services, person).name}: it is in the list of owners on the site.")
    elif (there := samples.sample_of(person)) is None:
        say("There is no sample.")
    else:
        sample_removal.remove_sample(there, by=by_person())
        say("The sample is gone, with all that was done in it.")


@owner_command.command("list", epilog=examples("exhibit owner list", "exhibit owner list --json"))
@json_option
def list_owners(*, as_json: bool) -> None:
    """List all rights holders."""
    open_desk()
    from desk.schemas import owners as schemas
    from registry import models

    found = schemas.Owner.from_rows(models.Owner.objects.order_by("slug"))
    columns = ("owner", "name", "works", "watches", "open cases", "members")
    line = attrgetter("owner", "name", "works", "watches", "open_cases", "members")
    nothing = 'There is no owner yet. Add one: exhibit owner add "NAME"'
    listed("owners", found, columns, line, nothing=nothing, as_json=as_json)
