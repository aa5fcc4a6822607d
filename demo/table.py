"""Result of the demonstration, as a table for people and as JSON for programs."""

import json
from collections import Counter
from pathlib import Path

from demo.run import BUNDLES, Result


def summary(result: Result) -> str:
    """Return the JSON of `summary.json`."""
    tally = result.tally
    plain = {
        "planted": tally.planted,
        "found": tally.matched,
        "false_alarms": len(tally.false_alarms),
        "licensed_spared": tally.licensed_spared,
        "refused": tally.refused,
        "seconds": result.seconds,
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def table(result: Result, out: Path, opening: str) -> str:
    """Return the final table. `opening` is the command that opens the site."""
    return "\n".join(
        [*_edits(result), "", *_other_lines(result), "", *_seconds(result), "", *_places(result, out, opening)]
    )


def _edits(result: Result) -> list[str]:
    tally = result.tally
    rows = [f"  {edit:<14}{planted:>9}{tally.matched[edit]:>9}" for edit, planted in tally.planted.items()]
    total = f"  {'all':<14}{sum(tally.planted.values()):>9}{sum(tally.matched.values()):>9}"
    missed_lines = [f"  missed: {use.work}, {use.edit}, at {use.image_url}" for use in tally.missed_uses]
    review = [f"  {tally.for_review} of the found are left to a person's review"] if tally.for_review else []
    return ["", f"  {'edit':<14}{'planted':>9}{'found':>9}", *rows, total, *review, *missed_lines]


def _other_lines(result: Result) -> list[str]:
    tally = result.tally
    licensed = tally.licensed_spared + len(tally.licensed_raised) + len(tally.licensed_unnoticed)
    refused = ", ".join(f"{reason} {count}" for reason, count in tally.refused.items()) or "nothing"
    verdicts = Counter(result.verdicts.values())
    tools = Counter((check.tool, check.outcome) for check in result.outside)
    return [
        f"  licensed uses spared   {tally.licensed_spared} of {licensed}",
        f"  false alarms           {len(tally.false_alarms)}",
        f"  found in an archive    {1 if result.archived else 0}, stated to be of {result.archived or 'no time'}",
        f"  found by a search      {1 if result.searched else 0}, without a key",
        f"  refused                {refused}",
        "  bundles                "
        + (", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) or "none"),
        *(f"  {tool:<22} {outcome} for {count}" for (tool, outcome), count in tools.items()),
        *(f"  not as it should be: {sentence}" for sentence in result.failures),
    ]


def _seconds(result: Result) -> list[str]:
    rows = [f"  {name:<22} {seconds:>6.1f} s" for name, seconds in result.seconds.items()]
    return [*rows, f"  {'all':<22} {sum(result.seconds.values()):>6.1f} s"]


def _places(result: Result, out: Path, opening: str) -> list[str]:
    return [
        *(f"  report    {file}" for file in result.reports),
        f"  bundles   {out / BUNDLES}",
        f"  sites     {out / 'sites'}",
        f"  summary   {out / 'summary.json'}",
        f"  open the site with: {opening}",
        "",
        "  All timestamp services in this run are test services, without legal weight.",
    ]
