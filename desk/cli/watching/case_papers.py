"""Draft papers of a case, for a person to complete and sign."""

import click

from desk.cli.common.command import AsJson, Number, TheirOwner, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.output import Out, made_folder, written_whole
from desk.cli.common.show import echo_json, note, say
from evidence.facts.case import LANGUAGES
from exhibit.errors import ServiceMissingError

KINDS = ("us-902", "cn-evidence-list", "cn-environment", "personal-data")


@command("papers", "exhibit case papers 3 --out papers", "exhibit case papers 3 --paper us-902 --out papers")
@click.option("--paper", "kinds", multiple=True, type=click.Choice(KINDS), help="Which; all of them by default.")
@click.option("--language", type=click.Choice(LANGUAGES), help="A reading copy; each has its own by default.")
def write_papers(
    *,
    desk: Desk,
    number: Number,
    owner: TheirOwner,
    out: Out,
    kinds: tuple[str, ...],
    language: str | None,
    as_json: AsJson,
) -> None:
    """Write draft papers about the newest bundle of case NUMBER into a folder.

    Nobody has signed them. A person reads each, corrects it, fills in the open fields and signs, or doesn't.
    """
    folder = made_folder(out)
    from registry.accounts import scoped
    from registry.log import audit_log
    from workers.evidence.papers import draft_paper, paper_name

    bundle = scoped.bundle(owner, number)
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
