"""Checking bundles and comparing pictures: alone, without any server."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from desk.cli.files import read_picture
from desk.cli.frame import examples, finish, json_option
from desk.cli.output import write_file
from desk.cli.show import echo_json, fields, say, tracked
from exhibit.errors import ExhibitError, ExitCode, RefusedError, WrongUseError
from exhibit.types import Decision, Matrix

if TYPE_CHECKING:
    from evidence.splits import SplitView
    from evidence.trust import Trust
    from evidence.verdict import Verdict
    from indexer.features import Features

MOST_BYTES = 1 << 30
OUR_LIST = (
    "This is judged by the list that comes along, which knows no log, no owner and none of your own witnesses. Ask "
    "whoever gave you the bundle for theirs (`exhibit trust FILE` writes it), compare it, and name it by --trust FILE."
)
F = TypeVar("F", bound=Callable[..., None])
SAID = {
    Decision.CERTAIN: "certain: they agree as a copy and its original do.",
    Decision.REVIEW: "review: they may agree; a person has to look.",
    Decision.NONE: "none: nothing was found that they share.",
}


@click.command(
    "verify",
    epilog=examples(
        "exhibit verify bundle.zip",
        "exhibit verify *.zip --trust court-list.json --json",
        "exhibit verify --html verify.html --trust court-list.json",
    ),
)
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--trust", metavar="FILE", type=click.Path(path_type=Path), help="A list of whom to trust, instead of ours."
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verifier as one page instead, with the list built in, for a laptop without Python.",
)
@json_option
def verify_command(*, bundles: tuple[Path, ...], trust: Path | None, html: Path | None, as_json: bool) -> None:
    """Check BUNDLES (ZIPs, or folders that they were unpacked into) against a pinned list of witnesses.

    Asks no server and no network. Of several bundles the heads of one log are compared, too. Ends with 0 when all are
    complete, 1 when a check failed or a log shows two heads that contradict each other, 2 when one is no bundle, 4 when
    nothing failed but a grade isn't there that the list asks for.
    """
    from evidence.splits import split_views
    from evidence.trust import load_trust
    from evidence.verdict import Verdict, gravest

    pinned = load_trust() if trust is None else load_trust(trust)
    if html is not None:
        _write_page(html, pinned)
    elif not bundles:
        raise WrongUseError("No bundle was named.", hint="Give ZIPs or folders, or --html FILE.")
    if not bundles:
        return
    results = [(path, _verified(path, pinned)) for path in tracked(bundles, "Checking")]
    splits = split_views(view for _, one in results if isinstance(one, Verdict) for view in one.views)
    if as_json:
        plain = [_plain(path, result) for path, result in results]
        echo_json({"bundles": plain, "split_views": [one.to_plain() for one in splits]})
    else:
        _tell(results, splits)
        if trust is None and any(_outcome(result) is ExitCode.INCOMPLETE for _, result in results):
            say(OUR_LIST)
    finish(ExitCode.CHECK_FAILED if splits else gravest(_outcome(result) for _, result in results))


def _write_page(path: Path, trust: "Trust") -> None:
    from evidence.page import page

    write_file(path, page(trust))
    say(f"Written: {path}. Hand it out apart from bundles.")


def _verified(path: Path, trust: "Trust") -> "Verdict | ExhibitError":
    from evidence.verify import verify
    from workers.remaking import MAKERS

    try:
        return verify(path, trust, MAKERS)
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
            say(f"{_word(result):<10}  {path}")
        for split in splits:
            click.echo(f"\n{split_table(split)}")


def _word(result: "Verdict | ExhibitError") -> str:
    return "no bundle" if isinstance(result, ExhibitError) else str(result.to_plain()["outcome"])


def _drawing(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise click.BadParameter(f"{path.name} ends neither with .jpg nor with .png.")
    return path


def _drawing_option(name: str, text: str) -> Callable[[F], F]:
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, metavar="FILE", type=kind, callback=_drawing, help=text)


@click.command("compare", epilog=examples("exhibit compare ours.jpg theirs.png --side-by-side both.jpg"))
@click.argument("work", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_drawing_option("--side-by-side", "Draw both, with what they share outlined.")
@_drawing_option("--overlay", "Draw PICTURE laid on WORK.")
@_drawing_option("--difference", "Draw what PICTURE has otherwise than WORK.")
@_drawing_option("--points", "Draw details that are in both, numbered.")
@json_option
def compare_command(*, work: Path, picture: Path, as_json: bool, **drawings: Path | None) -> None:
    """Compare PICTURE with WORK: whether it may be a copy, and how alike the two are.

    Drawings are JPEG or PNG files, as their names end.
    """
    from exhibit.calibration import calibrated
    from indexer.change import change_of
    from indexer.search import compare
    from indexer.shipped import shipped_calibration
    from indexer.wording import as_plain, change_in_words

    (registered, original), (found, measured) = map(_measured, (work, picture))
    calibration = shipped_calibration()
    one = calibrated(compare(measured, lambda: found, original), calibration)
    sizes = [(info.width, info.height) for info in (measured.info, original.info)]
    change = None if one.transform is None or one.decision is Decision.NONE else change_of(one.transform, *sizes)
    wanted = {name: path for name, path in drawings.items() if path is not None}
    if one.transform is not None:
        _draw(found, registered, (one.transform, *one.further), wanted)
    if as_json:
        echo_json(as_plain(one))
        return
    say(SAID[one.decision])
    from workers.texts import words_of

    if change is not None:
        say(f"  PICTURE shows {change_in_words(change)}.")
    for sentence in words_of(one, calibration):
        say(f"  {sentence}")
    fields([("  remarks", ", ".join(one.reasons))])
    if wanted and one.transform is None:
        say("The pictures can't be laid onto each other, so nothing is drawn.")
    elif wanted:
        say(f"Drawn: {', '.join(str(path) for path in wanted.values())}")


def _measured(path: Path) -> tuple[bytes, "Features"]:
    """A picture's bytes and what is measured of it; an error names its file."""
    from indexer.features import extract

    try:
        data = read_picture(path, MOST_BYTES)
        return data, extract(data)
    except RefusedError as error:
        raise RefusedError(f"{path}: {error.message}", reason=error.reason, hint=error.hint) from error


def _draw(found: bytes, registered: bytes, transforms: Sequence[Matrix], wanted: Mapping[str, Path]) -> None:
    from indexer.draw import SUFFIXES, View
    from indexer.draw_pair import Pair

    pair = Pair.of(found, registered, transforms)
    for name, path in wanted.items():
        write_file(path, SUFFIXES[path.suffix.lower()](View[name.upper()], pair))
