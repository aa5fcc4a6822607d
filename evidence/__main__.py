"""``python -m evidence``: verify bundles and error rates without a server, network or database."""

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence.accuracy.error_rates import in_words
from evidence.accuracy.file import AccuracyVerdict, check_accuracy
from evidence.bundle.bag import counter_sign, make_key
from evidence.page import page
from evidence.verdict.result import State, Verdict, gravest
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
    options = _parser().parse_args(arguments)
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
    verifier, found = Verifier(load_trust(options.trust)), found_at(options.bundles)
    if len(options.bundles) == len(found) == 1 and isinstance(found[0], Refused):
        raise found[0].error
    results = [one.error if isinstance(one, Refused) else _checked(verifier, one) for one in found]
    splits = split_views(view for told in results if isinstance(told, Verdict) for view in told.views)
    accounts = contradicting(results)
    outcome = ExitCode.CHECK_FAILED if splits or accounts else gravest(map(outcome_of, results))
    if len(found) == 1 and isinstance(found[0], Place) and found[0].package is None:
        alone = results[0]
        if not isinstance(alone, Verdict):
            raise alone
        print(json.dumps(alone.to_plain(), indent=2, ensure_ascii=False) if options.json else table(alone))
        return outcome
    if options.json:
        print(json.dumps(plain_results(found, results, splits, accounts), indent=2, ensure_ascii=False))
    else:
        tables = [told_result(one, told) for one, told in zip(found, results, strict=True)]
        told = [*map(split_table, splits), *map(account_line, accounts), *map(account_line, shared_between(results))]
        print("\n\n".join([*tables, summary(found, results), *told]))
    return outcome


def _checked(verifier: Verifier, place: Place) -> Verdict | ExhibitError:
    try:
        return verified(verifier, place)
    except ExhibitError as error:
        return error


def outcome_of(result: Verdict | ExhibitError) -> ExitCode:
    """Return the exit code of one result."""
    return result.outcome if isinstance(result, Verdict) else result.exit_code


def word_of(result: Verdict | ExhibitError) -> str:
    """Return the outcome as a word, as in JSON."""
    return str(result.to_plain()["outcome"]) if isinstance(result, Verdict) else "no-bundle"


def contradicting(results: Sequence[Verdict | ExhibitError]) -> tuple[Contradiction, ...]:
    """Return the contradictions between bundles of one case."""
    verdicts = [told for told in results if isinstance(told, Verdict)]
    return contradictions(told.account for told in verdicts if told.account is not None)


def shared_between(results: Sequence[Verdict | ExhibitError]) -> tuple[SharedFind, ...]:
    """Return the finds that more than one case relies on. They are not failures: a picture may show two works."""
    verdicts = [told for told in results if isinstance(told, Verdict)]
    return shared_finds(told.account for told in verdicts if told.account is not None)


def plain_results(
    found: Sequence[Place | Refused],
    results: Sequence[Verdict | ExhibitError],
    splits: Sequence[SplitView],
    accounts: Sequence[Contradiction],
) -> dict[str, Any]:
    """Return the results of several bundles as plain JSON data.

    Each by its file, contradictions, and an overall verdict.

    A bundle inside a package also names the package.
    """
    told = []
    for one, result in zip(found, results, strict=True):
        plain: dict[str, Any] = {"file": one.file, "verdict": word_of(result)}
        if isinstance(one, Place) and one.package is not None:
            plain["package"] = str(one.package)
        if isinstance(result, Verdict):
            plain |= {name: value for name, value in result.to_plain().items() if name != "outcome"}
        else:
            plain["sentence"] = str(result)
        told.append(plain)
    worst = ExitCode.CHECK_FAILED if splits or accounts else gravest(map(outcome_of, results))
    whole = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
    views, differing = [split.to_plain() for split in splits], [one.to_plain() for one in accounts]
    shared = [one.to_plain() for one in shared_between(results)]
    ending = {"verdict": whole.get(worst, "no-bundle"), "exit_code": int(worst)}
    return {"bundles": told, "split_views": views, "contradictions": differing, "shared_finds": shared, **ending}


def told_result(one: Place | Refused, result: Verdict | ExhibitError) -> str:
    """Return the result of one path or bundle for a reader."""
    if isinstance(result, Verdict):
        return table(result)
    return printable(f"{_line(one.file)}\n{result.message}\n{result.hint}".strip())


def summary(found: Sequence[Place | Refused], results: Sequence[Verdict | ExhibitError]) -> str:
    """Return a line for each bundle, and one for all."""
    words = [word_of(result).replace("-", " ") for result in results]
    lines = [f"{word:<10}  {_line(one.file)}" for one, word in zip(found, words, strict=True)]
    return printable("\n".join([*lines, in_all(words)]))


def _line(text: str) -> str:
    """Return an untrusted name on one line."""
    return printable(text).replace("\n", "\ufffd")


def _accuracy(options: argparse.Namespace) -> ExitCode:
    verdict = check_accuracy(options.file, load_trust(options.trust))
    print(json.dumps(verdict.to_plain(), indent=2, ensure_ascii=False) if options.json else accuracy_table(verdict))
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


def accuracy_table(verdict: AccuracyVerdict) -> str:
    """Return the checks, and the error rate if none failed, for a reader."""
    lines = []
    for check in verdict.checks:
        label = f" [{check.development}]" if check.development else ""
        lines.append(f"{check.name:<12}{MARKS[check.state]:<13}{check.sentence}{label}")
    if verdict.accuracy is not None:
        lines += ["", in_words(verdict.accuracy)]
    return printable("\n".join(lines))


def table(verdict: Verdict) -> str:
    """Return a verdict for a reader: one or more lines for each check, then the summary.

    Files that passed are counted, not listed; ``--json`` lists all.
    """
    width = max(60, min(shutil.get_terminal_size((110, 24)).columns, 140))
    fine = [check for check in verdict.checks if check.name.startswith("file:") and check.state is State.PASSED]
    shown = [check for check in verdict.checks if check not in fine]
    column = max(len(check.name) for check in shown)
    lines = [_line(verdict.bundle), f"seal digest  {verdict.seal or 'unknown'}", ""]
    for line in verdict.lines:
        head = f"{line.of:<{column}}  "
        lines += textwrap.wrap(
            f"{line.value} [{line.by}]", width, initial_indent=head, subsequent_indent=" " * len(head)
        )
    lines += [""] * bool(verdict.lines)
    for check in shown:
        label = f" [{check.development}]" if check.development else ""
        counted = f" {len(fine)} are identical to the sealed files." if check.name == "files" else ""
        head = f"{check.name:<{column}}  {MARKS[check.state]:<11}  "
        indent = " " * len(head)
        lines += textwrap.wrap(check.sentence + counted + label, width, initial_indent=head, subsequent_indent=indent)
    lines.append("")
    for grade in verdict.grades:
        state = MARKS[grade.state] if grade.required or grade.state is State.PASSED else "not proven, not required"
        lines.append(f"{grade.name:<{column}}  {state:<11}  {grade.by}".rstrip())
    text = "\n".join([*lines, "", verdict.sentence, f"Trust list of {verdict.trust_dated}."])
    return printable(text)


def split_table(split: SplitView) -> str:
    """Return a contradiction between two checkpoints, with both signed notes."""
    notes = "\n\n".join(f"{_line(view.bundle)}:\n{view.note}" for view in split.views)
    return printable(f"{_line(split.sentence)}\n\n{notes}")


def account_line(one: Contradiction | SharedFind) -> str:
    """Return the sentence of a contradiction between two bundles, or of a find that two cases share."""
    return _line(one.sentence)


def _parser() -> argparse.ArgumentParser:
    about = "Verify bundles and error rates without a server, network or database."
    parser = argparse.ArgumentParser(prog="python -m evidence", description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    added = {}
    for name, (run, examples, short, description) in _COMMANDS.items():
        added[name] = commands.add_parser(name, help=short, description=description, epilog=examples)
        added[name].formatter_class = argparse.RawDescriptionHelpFormatter
        added[name].set_defaults(run=run)
    check, accuracy, html, new, sign = added.values()
    help_text = "bundle or package of bundles: a ZIP, or an unpacked folder"
    check.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help=help_text)
    accuracy.add_argument("file", type=Path, metavar="FILE", help="response of GET /operator/accuracy/decisions")
    for one in (check, accuracy, html):
        one.add_argument(
            "--trust", type=Path, default=DEFAULT, metavar="FILE", help="trust list; by default the included one"
        )
    for one in (check, accuracy):
        one.add_argument("--json", action="store_true", help="print JSON")
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
