"""Notices: how they stand, and what became of them. Writing, signing and sending them is done on the site."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import AT_LEAST_1, DAY, json_option, owner_option
from desk.cli.common.show import fields, listed, moment, only_json, say, table

if TYPE_CHECKING:
    from desk.schemas import notices as schemas

STATES = ("draft", "signed", "sent", "answered", "countered", "removed", "online", "resolved")
HAPPENED = STATES[3:]
notice_command = click.Group("notice", help="Letters about uses that are not licensed; the site writes and sends them.")


@notice_command.command("list", epilog=examples("exhibit notice list", "exhibit notice list --state sent --json"))
@click.option("--party", metavar="NAME", help="Only those about this party.")
@click.option("--state", type=click.Choice(STATES), help="Only those that stand so.")
@owner_option
@json_option
def list_notices(*, party: str | None, state: str | None, named: str | None, as_json: bool) -> None:
    """List the notices with what is due, newest first."""
    owner = open_desk().owner(named)
    from desk.schemas import notices as schemas
    from registry.notices import notices

    wanted = {"party": party, "state": state}
    rows = notices.notices(owner).filter(**{name: value for name, value in wanted.items() if value is not None})
    columns = ("notice", "kind", "party", "state", "due", "answer")
    nothing = "There is no such notice. Write one on the site: Notices, Write a notice."
    listed("notices", schemas.NoticeLine.from_rows(rows), columns, _line, nothing=nothing, as_json=as_json)


def _line(one: "schemas.NoticeLine") -> list[object]:
    due = f"{one.due_on} ({one.due_what})" if one.due_on else ""
    return [one.number, one.kind, one.party, one.state, due, "unread" if one.unread else ""]


@notice_command.command("show", epilog=examples("exhibit notice show 2"))
@click.argument("number", type=AT_LEAST_1)
@owner_option
@json_option
def show_notice(*, number: int, named: str | None, as_json: bool) -> None:
    """Show notice NUMBER: its letter, what it lacks, what became of it, and what was answered."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import notices as schemas
    from registry.notices import notices

    one = schemas.FullNotice.of(desk.services, notices.notice(owner, number))
    only_json(one, asked=as_json)
    fields(
        ("notice", str(one.number)),
        ("kind", one.kind),
        ("party", one.party),
        ("cases", ", ".join(str(case.number) for case in one.cases)),
        ("state", one.state),
        ("due", f"{one.due_on} ({one.due_what})" if one.due_on else ""),
        *(("lacks", sentence) for sentence in one.missing),
        *(
            ("taken back" if reply.withdrawn_at else "answered", f"{reply.kind}: {reply.words}")
            for reply in one.replies
        ),
    )
    click.echo()
    say(one.text)
    if one.events:
        click.echo()
        lines = [(moment(event.at, desk.zone), event.kind, event.by, event.words) for event in one.events]
        table(("when", "what", "by", "words"), lines)


@notice_command.command(
    "event", epilog=examples("exhibit notice event 2 removed", "exhibit notice event 2 answered --day 2026-11-20")
)
@click.argument("number", type=AT_LEAST_1)
@click.argument("what", type=click.Choice(HAPPENED))
@click.option("--day", type=DAY, metavar="DAY", help="On which day; today, if absent.")
@click.option("--words", default="", metavar="TEXT", help="Kept with it.")
@owner_option
def add_event(*, number: int, what: str, day: datetime | None, words: str, named: str | None) -> None:
    """Write down what became of notice NUMBER, which was sent. A counter-notice pauses its cases until it ends."""
    desk = open_desk()
    owner = desk.owner(named)
    from registry.notices import notices

    on = day.date() if day else datetime.now(desk.zone).date()
    notices.happened(notices.notice(owner, number), what, on, words.strip(), by=person())
    say(f"Written down for notice {number}: {what}.")
