"""Draft papers of a case, for a person to complete and sign."""

from pathlib import Path

import click

from desk.cli.common.frame import examples, json_option, open_desk, owner_option, person
from desk.cli.common.output import made_folder, out_option, written_whole
from desk.cli.common.show import echo_json, note, say
from evidence.facts.case import LANGUAGES
from exhibit.errors import ServiceMissingError

KINDS = ("us-902", "cn-evidence-list", "cn-environment", "personal-data")


@click.command(
    "papers", epilog=examples("exhibit case papers 3 --out papers", "exhibit case papers 3 --paper us-902 --out papers")
)
@click.argument("number", type=click.IntRange(min=1))
@owner_option
@out_option
@click.option("--paper", "kinds", multiple=True, type=click.Choice(KINDS), help="Which; all of them by default.")
@click.option("--language", type=click.Choice(LANGUAGES), help="A reading copy; each has its own by default.")
@json_option
def write_papers(
    *, number: int, owner: str | None, out: Path, kinds: tuple[str, ...], language: str | None, as_json: bool
) -> None:
    """Write draft papers about the newest bundle of case NUMBER into a folder.

    Nobody has signed them. A person reads each, corrects it, fills in the open fields and signs, or doesn't.
    """
    folder = made_folder(out)
    desk = open_desk()
    from registry.accounts import scoped
    from registry.log import audit_log
    from workers.evidence.papers import draft_paper, paper_name

    bundle = scoped.bundle(desk.owner(owner), number)
    files, missing = [], []
    for kind in dict.fromkeys(kinds or KINDS):
        try:
            data = draft_paper(desk.services, bundle, kind, language or "")
        except ServiceMissingError as error:
            if kinds:
                raise
            missing.append({"paper": kind, "sentence": str(error)})
            continue
        about = {"bundle": bundle.number, "case": number, "paper": kind}
        audit_log.accessed(audit_log.Evidence.PAPER, audit_log.Way.TAKEN, bundle.case.owner, by=person(), **about)
        path = folder / paper_name(bundle, kind, language or "")
        with written_whole(path) as file:
            file.write(data)
        files.append(str(path))
    if as_json:
        echo_json({"files": files, "missing": missing})
        return
    for name in files:
        say(name)
    for lack in missing:
        note(f"{lack['paper']}: {lack['sentence']}")
