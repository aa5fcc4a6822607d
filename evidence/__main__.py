"""``python -m evidence``: verify bundles and error rates without a server, network or database."""

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence.accuracy.error_rates import describe_accuracy
from evidence.accuracy.file import AccuracyVerdict, check_accuracy
from evidence.bundle.bag import counter_sign, make_key
from evidence.page import page
from evidence.verdict.result import State, Verdict, most_severe
from evidence.verdict.trust import DEFAULT, load_trust
from evidence.verify.contradictions import Contradiction, SharedFind, contradictions, shared_finds
from evidence.verify.packages import Place, Refused, found_at, in_all, verified
from evidence.verify.split_views import SplitView, split_views
from evidence.verify.verifier import Verifier
from exhibit.errors import ExhibitError, ExitCode
from exhibit.interrupts import hear_interrupts
from exhibit.pipes import ends_with_reader
from exhibit.plain import printable

EXAMPLES = """examples:
  python -m evidence verify bundle.zip
  python -m evidence verify unpacked-folder --json
  python -m evidence verify court.zip
  python -m evidence verify theirs.zip ours.zip
  python -m evidence verify bundle.zip --trust court-list.json

exit codes: 0 complete, 1 a check failed or bundles contradict each other, 2 usage error or not a bundle,
4 incomplete (no check failed, but a proof required by the trust list is missing)"""
ACCURACY_EXAMPLES = """examples:
  python -m evidence accuracy decisions.jsonl --trust court-list.json

exit codes: 0 all checks passed, 1 a check failed, 2 usage error or missing file, 4 no log in the trust list signed the
checkpoint"""
SIGN_EXAMPLES = """examples:
  python -m evidence make-key device.key
  python -m evidence sign --key device.key studio-case-3-bundle-1.manifest.json
  openssl pkeyutl -sign -inkey device.key -rawin -in MANIFEST -out MANIFEST.sig    (with OpenSSL)"""
PAGE_EXAMPLES = """examples:
  python -m evidence page > verify.html
  python -m evidence page --trust court-list.json > verify.html"""
MARKS = {State.PASSED: "passed", State.FAILED: "FAILED", State.NOT_CHECKED: "not checked"}


@ends_with_reader
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _build_parser().parse_args(arguments)
    hear_interrupts()
    try:
        return int(options.run(options))
    except ExhibitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


def _verify(options: argparse.Namespace) -> ExitCode:
    verifier, places = Verifier(load_trust(options.trust)), found_at(options.bundles)
    if len(options.bundles) == len(places) == 1 and isinstance(places[0], Refused):
        raise places[0].error
    results = [place.error if isinstance(place, Refused) else _verify_place(verifier, place) for place in places]
    splits = split_views(view for result in results if isinstance(result, Verdict) for view in result.views)
    accounts = find_contradictions(results)
    outcome = ExitCode.CHECK_FAILED if splits or accounts else most_severe(map(get_exit_code, results))
    if len(places) == 1 and isinstance(places[0], Place) and places[0].package is None:
        alone = results[0]
        if not isinstance(alone, Verdict):
            raise alone
        print(json.dumps(alone.to_plain(), indent=2, ensure_ascii=False) if options.json else format_verdict(alone))
        return outcome
    if options.json:
        print(json.dumps(results_to_dict(places, results, splits, accounts), indent=2, ensure_ascii=False))
    else:
        tables = [format_result(place, result) for place, result in zip(places, results, strict=True)]
        result = [
            *map(format_split_view, splits),
            *map(format_account, accounts),
            *map(format_account, find_shared_matches(results)),
        ]
        print("\n\n".join([*tables, format_summary(places, results), *result]))
    return outcome


def _verify_place(verifier: Verifier, place: Place) -> Verdict | ExhibitError:
    try:
        return verified(verifier, place)
    except ExhibitError as error:
        return error


def get_exit_code(result: Verdict | ExhibitError) -> ExitCode:
    """Return the exit code of one result."""
    return result.outcome if isinstance(result, Verdict) else result.exit_code


def get_outcome_word(result: Verdict | ExhibitError) -> str:
    """Return the outcome as a word, as in JSON."""
    return str(result.to_plain()["outcome"]) if isinstance(result, Verdict) else "no-bundle"


def find_contradictions(results: Sequence[Verdict | ExhibitError]) -> tuple[Contradiction, ...]:
    """Return the contradictions between bundles of one case."""
    verdicts = [verdict for verdict in results if isinstance(verdict, Verdict)]
    return contradictions(verdict.account for verdict in verdicts if verdict.account is not None)


def find_shared_matches(results: Sequence[Verdict | ExhibitError]) -> tuple[SharedFind, ...]:
    """Return the finds that more than one case relies on. They are not failures: a picture may show two works."""
    verdicts = [verdict for verdict in results if isinstance(verdict, Verdict)]
    return shared_finds(verdict.account for verdict in verdicts if verdict.account is not None)


def results_to_dict(
    places: Sequence[Place | Refused],
    results: Sequence[Verdict | ExhibitError],
    splits: Sequence[SplitView],
    accounts: Sequence[Contradiction],
) -> dict[str, Any]:
    """Return the results of several bundles as plain JSON data.

    Each by its file, contradictions, and an overall verdict.

    A bundle inside a package also names the package.
    """
    bundles = []
    for item, result in zip(places, results, strict=True):
        entry: dict[str, Any] = {"file": item.file, "verdict": get_outcome_word(result)}
        if isinstance(item, Place) and item.package is not None:
            entry["package"] = str(item.package)
        if isinstance(result, Verdict):
            entry |= {name: value for name, value in result.to_plain().items() if name != "outcome"}
        else:
            entry["sentence"] = str(result)
        bundles.append(entry)
    worst = ExitCode.CHECK_FAILED if splits or accounts else most_severe(map(get_exit_code, results))
    words = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
    views, differing = [split.to_plain() for split in splits], [item.to_plain() for item in accounts]
    shared = [item.to_plain() for item in find_shared_matches(results)]
    ending = {"verdict": words.get(worst, "no-bundle"), "exit_code": int(worst)}
    return {"bundles": bundles, "split_views": views, "contradictions": differing, "shared_finds": shared, **ending}


def format_result(place: Place | Refused, result: Verdict | ExhibitError) -> str:
    """Return the result of one path or bundle for a reader."""
    if isinstance(result, Verdict):
        return format_verdict(result)
    return printable(f"{_to_single_line(place.file)}\n{result.message}\n{result.hint}".strip())


def format_summary(places: Sequence[Place | Refused], results: Sequence[Verdict | ExhibitError]) -> str:
    """Return a line for each bundle, and one for all."""
    words = [get_outcome_word(result).replace("-", " ") for result in results]
    lines = [f"{word:<10}  {_to_single_line(place.file)}" for place, word in zip(places, words, strict=True)]
    return printable("\n".join([*lines, in_all(words)]))


def _to_single_line(text: str) -> str:
    """Return an untrusted name on one line."""
    return printable(text).replace("\n", "\ufffd")


def _accuracy(options: argparse.Namespace) -> ExitCode:
    verdict = check_accuracy(options.file, load_trust(options.trust))
    print(json.dumps(verdict.to_plain(), indent=2, ensure_ascii=False) if options.json else format_accuracy(verdict))
    return verdict.outcome


def _make_key(options: argparse.Namespace) -> ExitCode:
    public = make_key(options.file)
    print(f"Private key  {options.file} (keep it on this device, with a backup in a safe place)")
    print(f"Public key   {options.file}.pub")
    print(f"             {public.hex()}")
    return ExitCode.DONE


def _sign(options: argparse.Namespace) -> ExitCode:
    out = options.out or options.manifest.with_name(f"{options.manifest.name}.sig")
    manifest, seal, public = counter_sign(options.key, options.manifest, out)
    matter = manifest.matter
    print(f"Signed       case {matter.case} of {matter.owner}, bundle {matter.bundle}: {len(manifest.files)} files")
    print(f"Sealed at    {manifest.sealed_at:%Y-%m-%d %H:%M:%S} UTC, by key {manifest.key.public.hex()[:16]}")
    print(f"Seal digest  {seal}")
    print(f"Signature    {out}, by key {public.hex()[:16]}")
    return ExitCode.DONE


def _page(options: argparse.Namespace) -> ExitCode:
    sys.stdout.buffer.write(page(load_trust(options.trust)))
    return ExitCode.DONE


def format_accuracy(verdict: AccuracyVerdict) -> str:
    """Return the checks, and the error rate if none failed, for a reader."""
    lines = []
    for check in verdict.checks:
        label = f" [{check.development}]" if check.development else ""
        lines.append(f"{check.name:<12}{MARKS[check.state]:<13}{check.sentence}{label}")
    if verdict.accuracy is not None:
        lines += ["", describe_accuracy(verdict.accuracy)]
    return printable("\n".join(lines))


def format_verdict(verdict: Verdict) -> str:
    """Return a verdict for a reader: one or more lines for each check, then the summary.

    Files that passed are counted, not listed; ``--json`` lists all.
    """
    width = max(60, min(shutil.get_terminal_size((110, 24)).columns, 140))
    passed_files = [check for check in verdict.checks if check.name.startswith("file:") and check.state is State.PASSED]
    other_checks = [check for check in verdict.checks if check not in passed_files]
    column = max(len(check.name) for check in other_checks)
    lines = [_to_single_line(verdict.bundle), f"seal digest  {verdict.seal or 'unknown'}", ""]
    for line in verdict.lines:
        head = f"{line.of:<{column}}  "
        lines += textwrap.wrap(
            f"{line.value} [{line.by}]", width, initial_indent=head, subsequent_indent=" " * len(head)
        )
    lines += [""] * bool(verdict.lines)
    for check in other_checks:
        label = f" [{check.development}]" if check.development else ""
        suffix = f" {len(passed_files)} are identical to the sealed files." if check.name == "files" else ""
        head = f"{check.name:<{column}}  {MARKS[check.state]:<11}  "
        indent = " " * len(head)
        lines += textwrap.wrap(check.sentence + suffix + label, width, initial_indent=head, subsequent_indent=indent)
    lines.append("")
    for grade in verdict.grades:
        state = MARKS[grade.state] if grade.required or grade.state is State.PASSED else "not proven, not required"
        lines.append(f"{grade.name:<{column}}  {state:<11}  {grade.by}".rstrip())
    text = "\n".join([*lines, "", verdict.sentence, f"Trust list of {verdict.trust_dated}."])
    return printable(text)


def format_split_view(split: SplitView) -> str:
    """Return a contradiction between two checkpoints, with both signed notes."""
    notes = "\n\n".join(f"{_to_single_line(view.bundle)}:\n{view.note}" for view in split.views)
    return printable(f"{_to_single_line(split.sentence)}\n\n{notes}")


def format_account(item: Contradiction | SharedFind) -> str:
    """Return the sentence of a contradiction between two bundles, or of a find that two cases share."""
    return _to_single_line(item.sentence)


def _build_parser() -> argparse.ArgumentParser:
    about = "Verify bundles and error rates without a server, network or database."
    parser = argparse.ArgumentParser(prog="python -m evidence", description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    subparsers = {}
    for name, (run, examples, short, description) in _COMMANDS.items():
        subparsers[name] = commands.add_parser(name, help=short, description=description, epilog=examples)
        subparsers[name].formatter_class = argparse.RawDescriptionHelpFormatter
        subparsers[name].set_defaults(run=run)
    check, accuracy, html, new, sign = subparsers.values()
    help_text = "bundle or package of bundles: a ZIP, or an unpacked folder"
    check.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help=help_text)
    accuracy.add_argument("file", type=Path, metavar="FILE", help="response of GET /operator/accuracy/decisions")
    for subparser in (check, accuracy, html):
        subparser.add_argument(
            "--trust", type=Path, default=DEFAULT, metavar="FILE", help="trust list; by default the included one"
        )
    for subparser in (check, accuracy):
        subparser.add_argument("--json", action="store_true", help="print JSON")
    new.add_argument(
        "file", type=Path, metavar="FILE", help="output file for the private key; the public key is written to FILE.pub"
    )
    sign.add_argument("manifest", type=Path, metavar="MANIFEST", help="data/manifest.json of the bundle")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key (PEM)")
    sign.add_argument("--out", type=Path, metavar="FILE", help="output file for the signature; by default MANIFEST.sig")
    return parser


_COMMANDS = {
    "verify": (
        _verify, EXAMPLES, "verify bundles",
        "Verify bundles: files, signatures, log entries, timestamps and matches, and contradictions between bundles.",
    ),
    "accuracy": (
        _accuracy, ACCURACY_EXAMPLES, "compute an installation's error rate from its log",
        "Compute how often automatic decisions were wrong, from the decisions of reviewers in a log.",
    ),
    "page": (
        _page, PAGE_EXAMPLES, "write a page that verifies files, signature and log in a browser",
        "Write a verification page (HTML) to standard output. Deliver it separately from bundles.",
    ),
    "make-key": (
        _make_key, SIGN_EXAMPLES, "create a key on this device",
        "Create an Ed25519 key that never leaves this device.",
    ),
    "sign": (
        _sign, SIGN_EXAMPLES, "countersign a bundle on this device",
        "Sign a bundle's manifest with a key on this device, and show its content.",
    ),
}  # fmt: skip
"""Function, examples, short help and description of each command."""


if __name__ == "__main__":
    sys.exit(main())
