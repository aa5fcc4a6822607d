"""Descriptions of the claim check: points that may weaken a claim, and their sources. The texts make no judgement."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, pgettext

from crawler.reading.statements import StatementKind
from desk.texts import cases, ownership
from registry.cases.licence_check import Obstacle, ObstacleReason
from registry.models import Case, Owner
from registry.notices.claim_check import CaseClaimCheck, Point, PointKind

POINT_SENTENCES = {
    PointKind.LEDGER: gettext_lazy(
        "One of your licences covers some pages of the case, or would cover them at another time or in "
        "another territory."
    ),
    PointKind.RESELLER: gettext_lazy(
        "The work was supplied to a company that resells licences, was found on its site, or is "
        "credited to it. Did that company sell a licence for this use?"
    ),
    PointKind.STATED_LICENCE: gettext_lazy(
        "The page or the work's own metadata mentions a licence or permission. Such a statement is "
        "unverified and does not prove a licence."
    ),
    PointKind.EMBEDDED: gettext_lazy(
        "The page loads the picture from another host. It may be embedded or hot-linked, rather than a "
        "copy stored by the site. Who uploaded it to that host?"
    ),
    PointKind.OWN: gettext_lazy(
        "The account or site may be your own, according to a name, an email domain or a page that you entered."
    ),
    PointKind.CONTEXT: gettext_lazy(
        "Does the page quote, review or report on the picture? Text on the page may indicate this."
    ),
    PointKind.DISPUTES: gettext_lazy("Earlier claims about this work were disputed and not upheld."),
}
STATEMENT_LABELS = {
    StatementKind.CREATIVE_COMMONS: gettext_lazy("Creative Commons %(name)s"),
    StatementKind.PUBLIC_DOMAIN: gettext_lazy("public domain or CC0"),
    StatementKind.LICENCE: gettext_lazy("a licence"),
    StatementKind.PERMISSION: gettext_lazy("a permission"),
}


def describe_point(point: Point) -> str:
    """Describe a point of the claim check in one or two sentences."""
    if point.kind in POINT_SENTENCES:
        return str(POINT_SENTENCES[point.kind])
    return ownership.describe_warnings({str(point.kind): point.grounds})[0]


def iter_grounds(owner: Owner, point: Point) -> Iterator[tuple[str, str]]:
    """Yield (text, URL) for each ground of a point. The URL is empty unless the ground is a licence, case or notice."""
    grounds = point.grounds
    for item in grounds.get("statements", ()):
        yield _describe_statement(item), ""
    for name in (name for key in ("named", "hosts", "places", "words") for name in grounds.get(key, ())):
        yield name, ""
    for item in grounds.get("licences", ()):
        licence = item if isinstance(item, Mapping) else {"licence": item}
        obstacle = (
            cases.describe_obstacle(Obstacle(ObstacleReason(licence["gap"]), licence["value"]))
            if "gap" in licence
            else ""
        )
        description = " · ".join(filter(None, (_("Licence %(n)d") % {"n": licence["licence"]}, obstacle)))
        yield description, reverse("licence", args=[owner.slug, licence["licence"]])
    for number in grounds.get("cases", ()):
        yield _("Case %(n)d") % {"n": number}, reverse("case", args=[owner.slug, number])
    for number in grounds.get("notices", ()):
        yield _("Notice %(n)d") % {"n": number}, reverse("notice", args=[owner.slug, number])


def _describe_statement(statement: Mapping[str, Any]) -> str:
    parts = [str(STATEMENT_LABELS[StatementKind(statement["what"])]) % {"name": statement["name"]}]
    if statement["page"]:
        parts += [_("next to the picture") if statement["near"] else _("elsewhere on the page")]
        parts += [
            _("the page credits the author or rights holder")
            if statement["credited"]
            else _("no credit found on the page")
        ]
    else:
        parts += [_("in the work's own metadata or rights statement")]
    if statement["name"].endswith("4.0"):
        parts += [
            _(
                "version 4.0 reinstates the licence if the violation is cured within 30 days of its discovery "
                "(section 6(b))"
            )
        ]
    return pgettext("between parts of a sentence", "; ").join(parts)


OWNERSHIP_KINDS = (PointKind.TERM, PointKind.DEDICATION, PointKind.CREDIT, PointKind.MANIFEST, PointKind.EARLIER)
"""Points that call the owner's rights in a work into question."""


def list_ownership_warnings(
    checks: Mapping[int, CaseClaimCheck], cases: Iterable[Case]
) -> list[tuple[int, str, str, str]]:
    """Return ownership warnings as (case number, sentence, member who answered, answer)."""
    rows = []
    for case in cases:
        points = [point for point in checks[case.number].points if point.kind in OWNERSHIP_KINDS]
        answers = {str(point.kind): (describe_point(point), point.answer) for point in points}
        rows += [
            (case.number, description, answer.by if answer else "", answer.words if answer else "")
            for description, answer in answers.values()
        ]
        rows += [
            (
                case.number,
                ownership.describe_warnings({remark.kind: remark.details})[0],
                remark.answered_by,
                remark.reason,
            )
            for remark in case.work.remarks.all()
            if remark.answered_at is not None and remark.kind not in answers
        ]
    return rows


def build_claim_check_context(owner: Owner, checks: Mapping[int, CaseClaimCheck]) -> dict[str, Any]:
    """Return the template context of the claim check for some cases."""
    rows = [
        (number, [(point, describe_point(point), list(iter_grounds(owner, point))) for point in check.points])
        for number, check in checks.items()
    ]
    return {
        "claims": rows,
        "claim_places": sum(check.places for check in checks.values()),
        "claim_pages": sum(check.pages for check in checks.values()),
        "has_points": any(check.points for check in checks.values()),
        "suggests_friendly_letter": any(check.suggests_friendly_letter for check in checks.values()),
    }
