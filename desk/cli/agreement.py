"""Agreements with partners about blind search, and the search itself."""

from datetime import UTC, datetime

import click

from desk.cli.common.frame import examples, finish, open_desk, person
from desk.cli.common.options import AT_LEAST_1, DAY, json_option
from desk.cli.common.show import listed, moment, note, say
from exhibit.errors import ExitCode

agreement_command = click.Group("agreement", help="Search without seeing; docs/alliance.md says what each side learns.")


@agreement_command.command(
    "add",
    epilog=examples("exhibit agreement add anna --fields page,image,seen --until 2027-06-30 --queries 100000"),
    short_help="Let a partner search blindly here.",
)
@click.argument("name")
@click.option("--fields", required=True, metavar="NAMES", help="What is told of a match: page,image,seen,digest,hash.")
@click.option("--until", type=DAY, required=True, metavar="DAY", help="It ends at this day.")
@click.option("--queries", type=click.IntRange(1), required=True, metavar="N", help="So many in all.")
def add_agreement(*, name: str, fields: str, until: datetime, queries: int) -> None:
    """Let the partner NAME search the pictures that were seen here, without seeing others or showing its own.

    A picture takes up to 17 queries, and each 100 pictures seen here one more.
    """
    open_desk()
    from registry.alliance import partners

    chosen = [field.strip() for field in fields.split(",") if field.strip()]
    row = partners.agree(partners.named(name), chosen, until.replace(tzinfo=UTC), queries, by=person())
    say(f"Agreement {row.pk} holds.")


@agreement_command.command(
    "list", epilog=examples("exhibit agreement list"), short_help="Say what holds, and what was used."
)
@json_option
def list_agreements(*, as_json: bool) -> None:
    """List agreements, those too that have ended."""
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry import models

    found = schemas.Agreement.from_rows(models.Agreement.objects.select_related("partner").order_by("pk"))

    def line(row: schemas.Agreement) -> tuple[object, ...]:
        until = moment(row.ended_at or row.until, desk.zone)
        return row.number, row.partner, ", ".join(row.fields_told), until, f"{row.used} of {row.queries}"

    nothing = "There are no agreements yet: exhibit agreement add"
    heads = ("number", "partner", "told", "until", "queries")
    listed("agreements", found, heads, line, nothing=nothing, as_json=as_json)


@agreement_command.command("end", epilog=examples("exhibit agreement end 1"), short_help="Answer nothing more.")
@click.argument("number", type=AT_LEAST_1)
def end_agreement(*, number: int) -> None:
    """Answer nothing under the agreement NUMBER any more."""
    open_desk()
    from registry.alliance import partners

    partners.end_agreement(number, by=person())
    say(f"Agreement {number} has ended.")


@agreement_command.command(
    "search", epilog=examples("exhibit agreement search anna"), short_help="Search a partner's pictures."
)
@click.argument("name")
@json_option
def search_partner(*, name: str, as_json: bool) -> None:
    """Search what the partner NAME has seen for the pictures of all works here; it learns only how many they are.

    What is found is what the partner says. It makes no case: look at the page, or let it be crawled.
    """
    desk = open_desk()
    from desk.schemas import log as schemas
    from registry.alliance import blind, partners

    done = blind.search(desk.services, partners.named(name))
    found = [
        schemas.BlindFind(works=blind.works_of(one.picture), exact=one.exact, bands=one.bands, told=one.told)
        for one in done.found
    ]

    def line(row: schemas.BlindFind) -> tuple[object, ...]:
        how = "the same bytes" if row.exact else f"{row.bands} of 16 parts of the hash"
        return ", ".join(row.works), how, row.told.get("page") or row.told.get("digest", ""), row.told.get("seen", "")

    nothing = f"Nothing {'of what was looked at' if done.missing else f'that {name} has seen'} matches."
    listed("found", found, ("works", "agrees", "page", "seen"), line, nothing=nothing, as_json=as_json)
    if done.missing:
        note(f"Not all that {name} has seen was looked at. {done.missing}")
        finish(ExitCode.INCOMPLETE)
