"""Checking bundles: alone, without any server."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.command import PLACE, TO_WRITE, AsJson, command
from desk.cli.common.files import write_file
from desk.cli.common.frame import finish
from desk.cli.common.show import echo_json, say, tracked
from exhibit.errors import ExhibitError, ExitCode, WrongUseError

if TYPE_CHECKING:
    from evidence.verdict.result import Verdict
    from evidence.verdict.trust import Trust
    from evidence.verify.split_views import SplitView
    from evidence.verify.verifier import Verifier

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
    from evidence.verdict.result import Verdict, gravest
    from evidence.verdict.trust import load_trust
    from evidence.verify.split_views import split_views

    pinned = _with_minimum(load_trust() if trust is None else load_trust(trust), witnesses, cosigners)
    if html is not None:
        from evidence.page import page

        write_file(html, page(pinned))
        say(f"Written: {html}. Hand it out apart from bundles.")
    elif not bundles:
        raise WrongUseError("No bundle was named.", hint="Give ZIPs or folders, or --html FILE.")
    if not bundles:
        return
    results = list(zip(tracked(bundles, "Checking"), _results(bundles, pinned, jobs), strict=True))
    splits = split_views(view for _, result in results if isinstance(result, Verdict) for view in result.views)
    if as_json:
        plain = [_plain(path, result) for path, result in results]
        echo_json({"bundles": plain, "split_views": [split.to_plain() for split in splits]})
    else:
        _tell(results, splits)
        if trust is None and any(_outcome(result) is ExitCode.INCOMPLETE for _, result in results):
            say(OUR_LIST)
    finish(ExitCode.CHECK_FAILED if splits else gravest(_outcome(result) for _, result in results))


def _with_minimum(trust: "Trust", witnesses: int | None, cosigners: int | None) -> "Trust":
    """The list with the checker's own minimum in place of its own; raises ``WrongUseError`` when it pins too few."""
    from evidence.formats.codec import FormatError
    from evidence.verdict.trust import Requirements, Trust

    if witnesses is None and cosigners is None:
        return trust
    own = trust.requires or Requirements(1)
    own = replace(own, witnesses=witnesses or own.witnesses)
    asked = replace(trust, requires=replace(own, cosigners=own.cosigners if cosigners is None else cosigners))
    try:
        return Trust.from_json(asked.to_json(), what="Your minimum")
    except FormatError as error:
        raise WrongUseError(error.message, hint="Name a list with --trust that pins so many.") from error


def _results(bundles: "Sequence[Path]", trust: "Trust", jobs: int | None) -> "Iterator[Verdict | ExhibitError]":
    """What checking gives, in the order of the bundles; several are checked by a process a core."""
    from indexer.search.processes import in_processes

    jobs = jobs or max(1, min(os.cpu_count() or 1, len(bundles) // REPAYS))
    multiprocessing.set_forkserver_preload(["evidence.verify.verifier", "workers.evidence.remaking"])
    return in_processes(jobs, (_verifier if jobs == 1 else _verifier_beside, trust), _verified, bundles)


def _verifier(trust: "Trust") -> "Verifier":
    from evidence.verify.verifier import Verifier
    from workers.evidence.remaking import MAKERS

    return Verifier(trust, MAKERS)


def _verifier_beside(trust: "Trust") -> "Verifier":
    """That of a process beside this one, which Ctrl-C ends without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _verifier(trust)


def _verified(verifier: "Verifier", path: Path) -> "Verdict | ExhibitError":
    try:
        return verifier.verify(path)
    except ExhibitError as error:
        return error


def _outcome(result: "Verdict | ExhibitError") -> ExitCode:
    return result.exit_code if isinstance(result, ExhibitError) else result.outcome


def _plain(path: Path, result: "Verdict | ExhibitError") -> dict[str, Any]:
    if isinstance(result, ExhibitError):
        return {"file": str(path), "verdict": "no-bundle", "sentence": str(result)}
    plain = result.to_plain()
    return {"file": str(path), "verdict": plain.pop("outcome"), **plain}


def _tell(results: "Sequence[tuple[Path, Verdict | ExhibitError]]", splits: "Sequence[SplitView]") -> None:
    from evidence.__main__ import split_table, table

    for place, (path, result) in enumerate(results):
        if place:
            click.echo()
        if isinstance(result, ExhibitError):
            say(f"{path}\n{result.message}\n{result.hint}".strip())
        else:
            click.echo(table(result))
    if len(results) > 1:
        click.echo()
        for path, result in results:
            word = "no bundle" if isinstance(result, ExhibitError) else result.to_plain()["outcome"]
            say(f"{word:<10}  {path}")
        for split in splits:
            click.echo(f"\n{split_table(split)}")
