"""The shapes of what is taken away: bundles and their witnesses, packages, reports, links for people outside."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Prefetch, prefetch_related_objects

from exhibit.clock import now, rfc3339
from registry.models import Bundle, DownloadLink, Package, Report

if TYPE_CHECKING:
    from evidence.facts import WitnessFacts

Plain = dict[str, Any]


def bundle_line(row: Bundle) -> Plain:
    """A bundle in a list; what witnesses say of it stands in :func:`bundle`."""
    return {
        "case": row.case.number,
        "number": row.number,
        "state": row.state,
        "error": row.error,
        "seal": None if row.seal_digest is None else row.seal_digest.hex,
        "sealed_at": row.sealed_at and rfc3339(row.sealed_at),
    }


def bundle(row: Bundle) -> Plain:
    """A bundle with what outside witnesses have answered. ``state`` of a receipt: ``asked``, ``pending``, ``complete``.

    ``subject`` is what was witnessed: the ``manifest`` itself, or the ``checkpoint`` of the log that covers it.
    """
    from workers.proofs import witnesses_of  # noqa: PLC0415 - loads the evidence room
    from workers.witnessed import witnessed  # noqa: PLC0415

    witnesses = witnesses_of(row) if row.seal_digest is not None else ()
    counted = witnessed(witnesses, settings.CONFIG.witnesses_needed)
    return {
        **bundle_line(row),
        "witnessed": counted.enough,
        "witnesses": {"complete": counted.complete, "asked": counted.asked, "needed": counted.needed},
        "receipts": [receipt(one) for one in witnesses],
    }


def receipt(one: "WitnessFacts") -> Plain:
    """What a witness has answered."""
    return {
        "kind": one.kind,
        "witness": one.name,
        "development": one.development,
        "state": one.state,
        "subject": one.subject,
        "time": one.time and rfc3339(one.time),
        "qualified_as_of": one.qualified or None,
    }


def report(row: Report) -> Plain:
    """A report, what it is limited to, and the names of its files."""
    from workers.report_scope import wanted_of  # noqa: PLC0415 - loads what typesets reports

    wanted = wanted_of(row.parameters)
    return {
        "number": row.number,
        "title": row.parameters.get("title", ""),
        "state": row.state,
        "error": row.error,
        "created_at": rfc3339(row.created_at),
        "scope": {
            "watch": wanted.scope.watch,
            "works": list(wanted.scope.works),
            "decisions": list(wanted.scope.decisions),
            "first": wanted.scope.first,
            "last": wanted.scope.last,
        },
        "formats": list(wanted.formats),
        "languages": list(wanted.languages),
        "volumes": row.progress.get("volumes", 1),
        "files": [one["name"] for one in row.files],
    }


CASES = Prefetch("bundles", Bundle.objects.select_related("case").only("case__number"))
"""What a list of packages is asked with: of their bundles only the numbers of the cases."""


def package(row: Package) -> Plain:
    """Bundles of several cases that are handed over together, as one ZIP."""
    prefetch_related_objects([row], CASES)  # where the rows of a list don't have them already
    return {
        "number": row.number,
        "recipient": row.recipient,
        "reason": row.reason,
        "asked_by": row.asked_by,
        "cases": sorted(one.case.number for one in row.bundles.all()),
        "state": row.state,
        "error": row.error,
        "created_at": rfc3339(row.created_at),
        "made_at": row.made_at and rfc3339(row.made_at),
        "expires_at": row.expires_at and rfc3339(row.expires_at),
        "kept": bool(row.made_at and row.files),
    }


def link(row: DownloadLink) -> Plain:
    """A link for somebody outside; its address is told once, elsewhere."""
    return {
        "number": row.number,
        "package": None if row.package is None else row.package.number,
        "report": None if row.report is None else row.report.number,
        "note": row.note,
        "has_password": bool(row.password),
        "made_by": row.made_by,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "revoked_at": row.revoked_at and rfc3339(row.revoked_at),
        "holds": row.revoked_at is None and row.expires_at > now(),
        "downloads": row.downloads,
        "last_used_at": row.last_used_at and rfc3339(row.last_used_at),
    }
