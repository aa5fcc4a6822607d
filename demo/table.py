"""Result of the demonstration as a text table and as JSON."""

import json
from collections import Counter
from pathlib import Path

from demo.run import BUNDLE_FOLDER, DemoResult


def format_summary(result: DemoResult) -> str:
    """Return the JSON of `summary.json`."""
    tally = result.tally
    fields = {
        "planted": tally.planted_counts,
        "found": tally.matched_counts,
        "false_alarms": len(tally.false_alarms),
        "licensed_spared": tally.spared_count,
        "refused": tally.refusal_counts,
        "seconds": result.seconds,
    }
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def format_table(result: DemoResult, out: Path, open_command: str) -> str:
    """Return the final table. `open_command` is the command that opens the site."""
    return "\n".join(
        [
            *_format_edits(result),
            "",
            *_format_other_lines(result),
            "",
            *_format_durations(result),
            "",
            *_format_locations(result, out, open_command),
        ]
    )


def _format_edits(result: DemoResult) -> list[str]:
    tally = result.tally
    rows = [
        f"  {edit:<14}{planted:>9}{tally.matched_counts[edit]:>9}" for edit, planted in tally.planted_counts.items()
    ]
    total = f"  {'all':<14}{sum(tally.planted_counts.values()):>9}{sum(tally.matched_counts.values()):>9}"
    missed_lines = [f"  missed: {use.work}, {use.edit}, at {use.image_url}" for use in tally.missed_uses]
    review_lines = [f"  {tally.review_count} of the found are left to a person's review"] if tally.review_count else []
    return ["", f"  {'edit':<14}{'planted':>9}{'found':>9}", *rows, total, *review_lines, *missed_lines]


def _format_other_lines(result: DemoResult) -> list[str]:
    tally = result.tally
    licensed_count = tally.spared_count + len(tally.raised_uses) + len(tally.unnoticed_uses)
    refused = ", ".join(f"{reason} {count}" for reason, count in tally.refusal_counts.items()) or "nothing"
    verdicts = Counter(result.verdicts.values())
    tools = Counter((check.tool, check.outcome) for check in result.tool_checks)
    return [
        f"  licensed uses spared   {tally.spared_count} of {licensed_count}",
        f"  false alarms           {len(tally.false_alarms)}",
        f"  found in an archive    {1 if result.archive_time else 0}, dated {result.archive_time or 'not'}",
        f"  found by a search      {1 if result.search_page_url else 0}, without a key",
        f"  refused                {refused}",
        "  bundles                "
        + (", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) or "none"),
        *(f"  {tool:<22} {outcome} for {count}" for (tool, outcome), count in tools.items()),
        *(f"  not as it should be: {sentence}" for sentence in result.failures),
    ]


def _format_durations(result: DemoResult) -> list[str]:
    rows = [f"  {name:<22} {seconds:>6.1f} s" for name, seconds in result.seconds.items()]
    return [*rows, f"  {'all':<22} {sum(result.seconds.values()):>6.1f} s"]


def _format_locations(result: DemoResult, out: Path, open_command: str) -> list[str]:
    return [
        *(f"  report    {file}" for file in result.reports),
        f"  bundles   {out / BUNDLE_FOLDER}",
        f"  sites     {out / 'sites'}",
        f"  summary   {out / 'summary.json'}",
        f"  open the site with: {open_command}",
        "",
        "  All timestamp services in this run are test services, without legal weight.",
    ]
