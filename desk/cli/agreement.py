"""Agreements with partners about blind search, and the search itself."""

from datetime import UTC, datetime

import click

from desk.cli.common.command import DAY, AsJson, Number, Word, command
from desk.cli.common.frame import Desk, finish, person
from desk.cli.common.show import listed, moment, note, say
from exhibit.errors import ExitCode

agreement_command = click.Group("agreement", help="Search without seeing; docs/alliance.md says what each side learns.")


@command(
    "add",
    "anna --fields page,image,seen --until 2027-06-30 --queries 100000",
    of=agreement_command,
    short_help="Let a partner search blindly here.",
)
@click.option("--fields", required=True, metavar="NAMES", help="What is told of a match: page,image,seen,digest,hash.")
@click.option("--until", type=DAY, required=True, metavar="DAY", help="It ends at this day.")
@click.option("--queries", type=click.IntRange(1), required=True, metavar="N", help="So many in all.")
def add_agreement(*, _desk: Desk, name: Word, fields: str, until: datetime, queries: int) -> None:
    """Let the partner NAME search the pictures that were seen here, without seeing others or showing its own.

    A picture takes up to 17 queries, and each 100 pictures seen here one more.
    """
    from registry.alliance import partners

    chosen = [field.strip() for field in fields.split(",") if field.strip()]
    row = partners.agree(partners.named(name), chosen, until.replace(tzinfo=UTC), queries, by=person())
    say(f"Agreement {row.pk} holds.")


@command("list", of=agreement_command, short_help="Say what holds, and what was used.")
def list_agreements(*, desk: Desk, as_json: AsJson) -> None:
    """List agreements, those too that have ended."""
    from desk.schemas import log as schemas
    from registry import models

    found = schemas.Agreement.from_rows(models.Agreement.objects.select_related("partner").order_by("pk"))

    def line(row: schemas.Agreement) -> tuple[object, ...]:
        until = moment(row.ended_at or row.until, desk.zone)
        return row.number, row.partner, ", ".join(row.fields_told), until, f"{row.used} of {row.queries}"

    nothing = "There are no agreements yet: exhibit agreement add"
    heads = ("number", "partner", "told", "until", "queries")
    listed("agreements", found, heads, line, nothing=nothing, as_json=as_json)


@command("end", "1", of=agreement_command, short_help="Answer nothing more.")
def end_agreement(*, _desk: Desk, number: Number) -> None:
    """Answer nothing under the agreement NUMBER any more."""
    from registry.alliance import partners

    partners.end_agreement(number, by=person())
    say(f"Agreement {number} has ended.")


@command("search", "anna", of=agreement_command, short_help="Search a partner's pictures.")
def search_partner(*, desk: Desk, name: Word, as_json: AsJson) -> None:
    """Search what the partner NAME has seen for the pictures of all works here; it learns only how many they are.

    What is found is what the partner says. It makes no case: look at the page, or let it be crawled.
    """
    from desk.schemas import log as schemas
    from registry.alliance import partners
    from workers.alliance import blind

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
