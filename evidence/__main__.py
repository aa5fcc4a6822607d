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
from evidence.bundle.bag import countersign_manifest, create_key_file
from evidence.page import build_page
from evidence.verdict.result import State, Verdict, find_most_severe
from evidence.verdict.trust import DEFAULT_PATH, load_trust
from evidence.verify.contradictions import Contradiction, SharedSighting, compare_statements, find_shared_sightings
from evidence.verify.packages import BundleLocation, RefusedPath, find_bundles_at, summarize_outcomes, verify_location
from evidence.verify.split_views import SplitView, find_split_views
from evidence.verify.verifier import Verifier
from exhibit.errors import ExhibitError, ExitCode
from exhibit.interrupts import install_interrupt_handlers
from exhibit.pipes import ArgumentParser, exit_on_closed_pipe
from exhibit.plain import replace_unprintable

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
STATE_LABELS = {State.PASSED: "passed", State.FAILED: "FAILED", State.NOT_CHECKED: "not checked"}


@exit_on_closed_pipe
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _build_parser().parse_args(arguments)
    install_interrupt_handlers()
    try:
        return int(options.run(options))
    except ExhibitError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


def _verify(options: argparse.Namespace) -> ExitCode:
    verifier, locations = Verifier(load_trust(options.trust)), find_bundles_at(options.bundles)
    if len(options.bundles) == len(locations) == 1 and isinstance(locations[0], RefusedPath):
        raise locations[0].error
    results = [
        location.error if isinstance(location, RefusedPath) else _verify_location(verifier, location)
        for location in locations
    ]
    split_checkpoints = find_split_views(
        view for result in results if isinstance(result, Verdict) for view in result.views
    )
    case_contradictions = find_contradictions(results)
    outcome = (
        ExitCode.CHECK_FAILED
        if split_checkpoints or case_contradictions
        else find_most_severe(map(get_exit_code, results))
    )
    if len(locations) == 1 and isinstance(locations[0], BundleLocation) and locations[0].package is None:
        only_result = results[0]
        if not isinstance(only_result, Verdict):
            raise only_result
        print(
            json.dumps(only_result.to_plain(), indent=2, ensure_ascii=False)
            if options.json
            else format_verdict(only_result)
        )
        return outcome
    if options.json:
        print(
            json.dumps(
                results_to_dict(locations, results, split_checkpoints, case_contradictions),
                indent=2,
                ensure_ascii=False,
            )
        )
    else:
        tables = [format_result(location, result) for location, result in zip(locations, results, strict=True)]
        findings = [
            *map(format_split_view, split_checkpoints),
            *map(format_contradiction, case_contradictions),
            *map(format_contradiction, list_shared_sightings(results)),
        ]
        print("\n\n".join([*tables, format_summary(locations, results), *findings]))
    return outcome


def _verify_location(verifier: Verifier, location: BundleLocation) -> Verdict | ExhibitError:
    try:
        return verify_location(verifier, location)
    except ExhibitError as error:
        return error


def get_exit_code(result: Verdict | ExhibitError) -> ExitCode:
    """Return the exit code of one result."""
    return result.outcome if isinstance(result, Verdict) else result.exit_code


def get_outcome_name(result: Verdict | ExhibitError) -> str:
    """Return the outcome as the word that the JSON output uses."""
    return str(result.to_plain()["outcome"]) if isinstance(result, Verdict) else "no-bundle"


def find_contradictions(results: Sequence[Verdict | ExhibitError]) -> tuple[Contradiction, ...]:
    """Return the contradictions between bundles of one case."""
    verdicts = [verdict for verdict in results if isinstance(verdict, Verdict)]
    return compare_statements(
        verdict.bundle_statements for verdict in verdicts if verdict.bundle_statements is not None
    )


def list_shared_sightings(results: Sequence[Verdict | ExhibitError]) -> tuple[SharedSighting, ...]:
    """Return the sightings on which several cases rely; no failure, because a picture may show two works."""
    verdicts = [verdict for verdict in results if isinstance(verdict, Verdict)]
    return find_shared_sightings(
        verdict.bundle_statements for verdict in verdicts if verdict.bundle_statements is not None
    )


def results_to_dict(
    locations: Sequence[BundleLocation | RefusedPath],
    results: Sequence[Verdict | ExhibitError],
    split_checkpoints: Sequence[SplitView],
    case_contradictions: Sequence[Contradiction],
) -> dict[str, Any]:
    """Return the results of several bundles as plain JSON data, with contradictions and an overall verdict.

    Each bundle is identified by its file, and also by its package if it is inside one.
    """
    bundles = []
    for item, result in zip(locations, results, strict=True):
        entry: dict[str, Any] = {"file": item.file, "verdict": get_outcome_name(result)}
        if isinstance(item, BundleLocation) and item.package is not None:
            entry["package"] = str(item.package)
        if isinstance(result, Verdict):
            entry |= {name: value for name, value in result.to_plain().items() if name != "outcome"}
        else:
            entry["sentence"] = str(result)
        bundles.append(entry)
    worst_code = (
        ExitCode.CHECK_FAILED
        if split_checkpoints or case_contradictions
        else find_most_severe(map(get_exit_code, results))
    )
    outcome_words = {ExitCode.DONE: "complete", ExitCode.CHECK_FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}
    views, contradiction_data = (
        [split.to_plain() for split in split_checkpoints],
        [item.to_plain() for item in case_contradictions],
    )
    shared_sighting_data = [item.to_plain() for item in list_shared_sightings(results)]
    overall_verdict = {"verdict": outcome_words.get(worst_code, "no-bundle"), "exit_code": int(worst_code)}
    return {
        "bundles": bundles,
        "split_views": views,
        "contradictions": contradiction_data,
        "shared_finds": shared_sighting_data,
        **overall_verdict,
    }


def format_result(location: BundleLocation | RefusedPath, result: Verdict | ExhibitError) -> str:
    """Format the result of one path or bundle as text."""
    if isinstance(result, Verdict):
        return format_verdict(result)
    return replace_unprintable(f"{_to_single_line(location.file)}\n{result.message}\n{result.hint}".strip())


def format_summary(locations: Sequence[BundleLocation | RefusedPath], results: Sequence[Verdict | ExhibitError]) -> str:
    """Return one line for each bundle, and a total line."""
    outcomes = [get_outcome_name(result).replace("-", " ") for result in results]
    lines = [
        f"{outcome:<10}  {_to_single_line(location.file)}"
        for location, outcome in zip(locations, outcomes, strict=True)
    ]
    return replace_unprintable("\n".join([*lines, summarize_outcomes(outcomes)]))


def _to_single_line(text: str) -> str:
    """Make an untrusted name printable on one line."""
    return replace_unprintable(text).replace("\n", "\ufffd")


def _run_accuracy_check(options: argparse.Namespace) -> ExitCode:
    verdict = check_accuracy(options.file, load_trust(options.trust))
    print(json.dumps(verdict.to_plain(), indent=2, ensure_ascii=False) if options.json else format_accuracy(verdict))
    return verdict.outcome


def _make_key(options: argparse.Namespace) -> ExitCode:
    public = create_key_file(options.file)
    print(f"Private key  {options.file} (keep it on this device, with a backup in a safe place)")
    print(f"Public key   {options.file}.pub")
    print(f"             {public.hex()}")
    return ExitCode.DONE


def _sign(options: argparse.Namespace) -> ExitCode:
    out = options.out or options.manifest.with_name(f"{options.manifest.name}.sig")
    manifest, seal, public = countersign_manifest(options.key, options.manifest, out)
    matter = manifest.matter
    print(f"Signed       case {matter.case} of {matter.owner}, bundle {matter.bundle}: {len(manifest.files)} files")
    print(f"Sealed at    {manifest.sealed_at:%Y-%m-%d %H:%M:%S} UTC, by key {manifest.key.public.hex()[:16]}")
    print(f"Seal digest  {seal}")
    print(f"Signature    {out}, by key {public.hex()[:16]}")
    return ExitCode.DONE


def _write_page(options: argparse.Namespace) -> ExitCode:
    sys.stdout.buffer.write(build_page(load_trust(options.trust)))
    return ExitCode.DONE


def format_accuracy(verdict: AccuracyVerdict) -> str:
    """Format the checks as text, with the error rate if no check failed."""
    lines = []
    for check in verdict.checks:
        label = f" [{check.development}]" if check.development else ""
        lines.append(f"{check.name:<12}{STATE_LABELS[check.state]:<13}{check.sentence}{label}")
    if verdict.accuracy is not None:
        lines += ["", describe_accuracy(verdict.accuracy)]
    return replace_unprintable("\n".join(lines))


def format_verdict(verdict: Verdict) -> str:
    """Format a verdict as text: one or more lines for each check, then the summary.

    Files that passed are only counted; ``--json`` lists all files.
    """
    width = max(60, min(shutil.get_terminal_size((110, 24)).columns, 140))
    passed_files = [check for check in verdict.checks if check.name.startswith("file:") and check.state is State.PASSED]
    other_checks = [check for check in verdict.checks if check not in passed_files]
    column = max(len(check.name) for check in other_checks)
    lines = [_to_single_line(verdict.bundle), f"seal digest  {verdict.seal or 'unknown'}", ""]
    for line in verdict.lines:
        prefix = f"{line.of:<{column}}  "
        lines += textwrap.wrap(
            f"{line.value} [{line.by}]", width, initial_indent=prefix, subsequent_indent=" " * len(prefix)
        )
    lines += [""] * bool(verdict.lines)
    for check in other_checks:
        label = f" [{check.development}]" if check.development else ""
        suffix = f" {len(passed_files)} are identical to the sealed files." if check.name == "files" else ""
        prefix = f"{check.name:<{column}}  {STATE_LABELS[check.state]:<11}  "
        indent = " " * len(prefix)
        lines += textwrap.wrap(check.sentence + suffix + label, width, initial_indent=prefix, subsequent_indent=indent)
    lines.append("")
    for grade in verdict.grades:
        state = (
            STATE_LABELS[grade.state] if grade.required or grade.state is State.PASSED else "not proven, not required"
        )
        lines.append(f"{grade.name:<{column}}  {state:<11}  {grade.by}".rstrip())
    text = "\n".join([*lines, "", verdict.sentence, f"Trust list of {verdict.trust_dated}."])
    return replace_unprintable(text)


def format_split_view(split: SplitView) -> str:
    """Format a contradiction between two checkpoints, with both signed notes."""
    notes = "\n\n".join(f"{_to_single_line(view.bundle)}:\n{view.note}" for view in split.views)
    return replace_unprintable(f"{_to_single_line(split.sentence)}\n\n{notes}")


def format_contradiction(item: Contradiction | SharedSighting) -> str:
    """Format a contradiction between two bundles, or a match that two cases share, as one line."""
    return _to_single_line(item.sentence)


def _build_parser() -> argparse.ArgumentParser:
    program_description = "Verify bundles and error rates without a server, network or database."
    parser = ArgumentParser(prog="python -m evidence", description=program_description)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    subparsers = {}
    for name, (run, examples, summary, description) in _COMMANDS.items():
        subparsers[name] = commands.add_parser(name, help=summary, description=description, epilog=examples)
        subparsers[name].formatter_class = argparse.RawDescriptionHelpFormatter
        subparsers[name].set_defaults(run=run)
    verify_parser, accuracy_parser, page_parser, key_parser, sign_parser = subparsers.values()
    help_text = "bundle or package of bundles: a ZIP, or an unpacked folder"
    verify_parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help=help_text)
    accuracy_parser.add_argument("file", type=Path, metavar="FILE", help="response of GET /operator/accuracy/decisions")
    for subparser in (verify_parser, accuracy_parser, page_parser):
        subparser.add_argument(
            "--trust", type=Path, default=DEFAULT_PATH, metavar="FILE", help="trust list (default: the included one)"
        )
    for subparser in (verify_parser, accuracy_parser):
        subparser.add_argument("--json", action="store_true", help="print JSON")
    key_parser.add_argument(
        "file", type=Path, metavar="FILE", help="output file for the private key; the public key is written to FILE.pub"
    )
    sign_parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="data/manifest.json of the bundle")
    sign_parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key (PEM)")
    sign_parser.add_argument(
        "--out", type=Path, metavar="FILE", help="output file for the signature (default: MANIFEST.sig)"
    )
    return parser


_COMMANDS = {
    "verify": (
        _verify, EXAMPLES, "verify bundles",
        "Verify bundles: files, signatures, log entries, timestamps and matches, and contradictions between bundles.",
    ),
    "accuracy": (
        _run_accuracy_check, ACCURACY_EXAMPLES, "compute an installation's error rate from its log",
        "Compute how often automatic decisions were wrong, from the decisions of reviewers in a log.",
    ),
    "page": (
        _write_page, PAGE_EXAMPLES, "write a page that verifies files, signature and log in a browser",
        "Write a verification page (HTML) to standard output. Deliver it separately from bundles.",
    ),
    "make-key": (
        _make_key, SIGN_EXAMPLES, "create a key on this device",
        "Create an Ed25519 key that never leaves this device.",
    ),
    "sign": (
        _sign, SIGN_EXAMPLES, "countersign a bundle on this device",
        "Sign a bundle's manifest with a key on this device, and show the content of the manifest.",
    ),
}  # fmt: skip
"""Function, examples, short help and description of each command."""


if __name__ == "__main__":
    sys.exit(main())
