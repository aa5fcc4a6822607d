"""``python -m evidence``: check bundles, and error rates from a log, without any server, network or database."""

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from evidence.accuracy import in_words
from evidence.accuracy_file import AccuracyVerdict, check_accuracy
from evidence.trust import DEFAULT, load_trust
from evidence.verdict import State, Verdict
from evidence.verify import verify
from exhibit.errors import ExhibitError, ExitCode

EXAMPLES = """examples:
  python -m evidence verify bundle.zip
  python -m evidence verify unpacked-folder --json
  python -m evidence verify bundle.zip --trust court-list.json

exit codes: 0 complete, 1 a check failed, 2 wrong use or no bundle, 4 incomplete (nothing failed, but the
minimum isn't there: sealed bytes, signature, place in the log, and one pinned witness of time)"""
ACCURACY_EXAMPLES = """examples:
  python -m evidence accuracy decisions.jsonl --trust court-list.json

exit codes: 0 all checks passed, 1 a check failed, 2 wrong use or no such file, 4 no pinned log signed the checkpoint"""
MARKS = {State.PASSED: "passed", State.FAILED: "FAILED", State.NOT_CHECKED: "not checked"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ExhibitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)


def _verify(options: argparse.Namespace) -> ExitCode:
    verdict = verify(options.bundle, load_trust(options.trust))
    print(json.dumps(verdict.to_plain(), indent=2, ensure_ascii=False) if options.json else table(verdict))
    return verdict.outcome


def _accuracy(options: argparse.Namespace) -> ExitCode:
    verdict = check_accuracy(options.file, load_trust(options.trust))
    print(json.dumps(verdict.to_plain(), indent=2, ensure_ascii=False) if options.json else accuracy_table(verdict))
    return verdict.outcome


def accuracy_table(verdict: AccuracyVerdict) -> str:
    """What was checked, and the error rate when nothing failed."""
    lines = []
    for check in verdict.checks:
        label = f" [{check.development}]" if check.development else ""
        lines.append(f"{check.name:<12}{MARKS[check.state]:<13}{check.sentence}{label}")
    if verdict.accuracy is not None:
        lines += ["", in_words(verdict.accuracy)]
    text = "\n".join(lines)
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def table(verdict: Verdict) -> str:
    """The verdict for a reader: a line or more for each check, then the closing sentence.

    Files that passed are counted, not listed; ``--json`` has them all.
    """
    width = max(60, min(shutil.get_terminal_size((110, 24)).columns, 140))
    fine = [check for check in verdict.checks if check.name.startswith("file:") and check.state is State.PASSED]
    shown = [check for check in verdict.checks if check not in fine]
    column = max(len(check.name) for check in shown)
    lines = [verdict.bundle, f"seal digest  {verdict.seal or 'unknown'}", ""]
    for check in shown:
        label = f" [{check.development}]" if check.development else ""
        counted = f" {len(fine)} have the bytes that were sealed." if check.name == "files" else ""
        head = f"{check.name:<{column}}  {MARKS[check.state]:<11}  "
        indent = " " * len(head)
        lines += textwrap.wrap(check.sentence + counted + label, width, initial_indent=head, subsequent_indent=indent)
    text = "\n".join([*lines, "", verdict.sentence, f"Trust list of {verdict.trust_dated}."])
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evidence", description="Check bundles, and error rates from a log."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "verify",
        help="check a bundle",
        description="Check a bundle: every byte, the signature, its place in the log, its witnesses, its matches.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="the ZIP, or the folder it was unpacked into")
    command.set_defaults(run=_verify)
    accuracy = commands.add_parser(
        "accuracy",
        help="compute an installation's error rate from its log",
        description="Compute how often what the machine said was wrong, from the decisions in a log.",
        epilog=ACCURACY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    accuracy.add_argument("file", type=Path, metavar="FILE", help="what exhibit accuracy export has written")
    accuracy.set_defaults(run=_accuracy)
    for one in (command, accuracy):
        one.add_argument("--trust", type=Path, default=DEFAULT, metavar="FILE", help="a trust list instead of ours")
        one.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
