"""Checking bundles: alone, without any server."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from desk.cli.common.command import PLACE, TO_WRITE, AsJson, command
from desk.cli.common.files import write_file
from desk.cli.common.frame import finish
from desk.cli.common.show import echo_json, say, tracked
from exhibit.errors import ExhibitError, ExitCode, WrongUseError
from exhibit.lazy import late

with late():
    from evidence import __main__ as tables, page
    from evidence.formats import codec
    from evidence.verdict import result as verdicts, trust as lists
    from evidence.verify import split_views, verifier as verifiers
    from indexer.search import processes
    from workers.evidence import remaking

REPAYS = 2  # bundles for which a process repays its start
ONE_PAGE = "Write the verifier as one page instead, with the list built in, for a laptop without Python."
MINIMUM = "Ask for so many {} that the list pins, whatever the list itself asks for."
OUR_LIST = (
    "This is judged by the list that comes along, which knows no log, no owner and none of your own witnesses. Ask "
    "whoever gave you the bundle for theirs (`exhibit trust FILE` writes it), compare it, and name it by --trust FILE."
)


@command(
    "verify",
    "bundle.zip",
    "*.zip --trust court-list.json --json",
    "bundle.zip --trust court-list.json --witnesses 2 --cosigners 2",
    "--html verify.html --trust court-list.json",
)
@click.argument("bundles", nargs=-1, type=PLACE)
@click.option("--trust", metavar="FILE", type=PLACE, help="A list of whom to trust, instead of ours.")
@click.option("--witnesses", metavar="N", type=click.IntRange(min=1), help=MINIMUM.format("witnesses of time"))
@click.option("--cosigners", metavar="N", type=click.IntRange(min=0), help=MINIMUM.format("witnesses of the log"))
@click.option("--html", metavar="FILE", type=TO_WRITE, help=ONE_PAGE)
@click.option("--jobs", type=click.IntRange(min=1, max=256), help="Processes; as many as cores for several bundles.")
def verify_command(
    *,
    bundles: tuple[Path, ...],
    trust: Path | None,
    witnesses: int | None,
    cosigners: int | None,
    html: Path | None,
    jobs: int | None,
    as_json: AsJson,
) -> None:
    """Check BUNDLES (ZIPs, or folders that they were unpacked into) against a pinned list of witnesses.

    Asks no server and no network. Of several bundles the heads of one log are compared, too. Ends with 0 when all are
    complete, 1 when a check failed or a log shows two heads that contradict each other, 2 when one is no bundle, 4 when
    nothing failed but a grade isn't there that the list asks for.
    """
    pinned = _with_minimum(lists.load_trust() if trust is None else lists.load_trust(trust), witnesses, cosigners)
    if html is not None:
        write_file(html, page.page(pinned))
        say(f"Written: {html}. Hand it out apart from bundles.")
    elif not bundles:
        raise WrongUseError("No bundle was named.", hint="Give ZIPs or folders, or --html FILE.")
    if not bundles:
        return
    results = list(zip(tracked(bundles, "Checking"), _results(bundles, pinned, jobs), strict=True))
    splits = split_views.split_views(
        view for _, result in results if isinstance(result, verdicts.Verdict) for view in result.views
    )
    if as_json:
        plain = [_plain(path, result) for path, result in results]
        echo_json({"bundles": plain, "split_views": [split.to_plain() for split in splits]})
    else:
        _tell(results, splits)
        if trust is None and any(_outcome(result) is ExitCode.INCOMPLETE for _, result in results):
            say(OUR_LIST)
    finish(ExitCode.CHECK_FAILED if splits else verdicts.gravest(_outcome(result) for _, result in results))


def _with_minimum(trust: "lists.Trust", witnesses: int | None, cosigners: int | None) -> "lists.Trust":
    """The list with the checker's own minimum in place of its own; raises ``WrongUseError`` when it pins too few."""
    if witnesses is None and cosigners is None:
        return trust
    own = trust.requires or lists.Requirements(1)
    own = replace(own, witnesses=witnesses or own.witnesses)
    asked = replace(trust, requires=replace(own, cosigners=own.cosigners if cosigners is None else cosigners))
    try:
        return lists.Trust.from_json(asked.to_json(), what="Your minimum")
    except codec.FormatError as error:
        raise WrongUseError(error.message, hint="Name a list with --trust that pins so many.") from error


def _results(
    bundles: "Sequence[Path]", trust: "lists.Trust", jobs: int | None
) -> "Iterator[verdicts.Verdict | ExhibitError]":
    """What checking gives, in the order of the bundles; several are checked by a process a core."""
    jobs = jobs or max(1, min(os.cpu_count() or 1, len(bundles) // REPAYS))
    multiprocessing.set_forkserver_preload(["evidence.verify.verifier", "workers.evidence.remaking"])
    return processes.in_processes(jobs, (_verifier, trust), _verified, bundles)


def _verifier(trust: "lists.Trust") -> "verifiers.Verifier":
    return verifiers.Verifier(trust, remaking.MAKERS)


def _verified(verifier: "verifiers.Verifier", path: Path) -> "verdicts.Verdict | ExhibitError":
    try:
        return verifier.verify(path)
    except ExhibitError as error:
        return error


def _outcome(result: "verdicts.Verdict | ExhibitError") -> ExitCode:
    return result.exit_code if isinstance(result, ExhibitError) else result.outcome


def _plain(path: Path, result: "verdicts.Verdict | ExhibitError") -> dict[str, Any]:
    if isinstance(result, ExhibitError):
        return {"file": str(path), "verdict": "no-bundle", "sentence": str(result)}
    plain = result.to_plain()
    return {"file": str(path), "verdict": plain.pop("outcome"), **plain}


def _tell(
    results: "Sequence[tuple[Path, verdicts.Verdict | ExhibitError]]", splits: "Sequence[split_views.SplitView]"
) -> None:
    for place, (path, result) in enumerate(results):
        if place:
            click.echo()
        if isinstance(result, ExhibitError):
            say(f"{path}\n{result.message}\n{result.hint}".strip())
        else:
            click.echo(tables.table(result))
    if len(results) > 1:
        click.echo()
        for path, result in results:
            word = "no bundle" if isinstance(result, ExhibitError) else result.to_plain()["outcome"]
            say(f"{word:<10}  {path}")
        for split in splits:
            click.echo(f"\n{tables.split_table(split)}")
