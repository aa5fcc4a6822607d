"""The shapes of what is taken away: bundles and their witnesses, packages, reports, links for people outside."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Prefetch, prefetch_related_objects

from desk.plain_rows import Plain, fields
from exhibit.clock import now
from registry.models import Bundle, DownloadLink, Package, Report

if TYPE_CHECKING:
    from evidence.facts import WitnessFacts


def bundle_line(row: Bundle) -> Plain:
    """A bundle in a list; what witnesses say of it stands in :func:`bundle`."""
    seal = None if row.seal_digest is None else row.seal_digest.hex
    return {"case": row.case.number, **fields(row, "number state error sealed_at"), "seal": seal}


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
        "witnesses": fields(counted, "complete asked needed"),
        "receipts": [receipt(one) for one in witnesses],
    }


def receipt(one: "WitnessFacts") -> Plain:
    """What a witness has answered."""
    told = fields(one, "kind development state subject time")
    return {**told, "witness": one.name, "qualified_as_of": one.qualified or None}


def report(row: Report) -> Plain:
    """A report, what it is limited to, and the names of its files."""
    from workers.report_scope import wanted_of  # noqa: PLC0415 - loads what typesets reports

    wanted = wanted_of(row.parameters)
    return {
        **fields(row, "number state error created_at"),
        "title": row.parameters.get("title", ""),
        "scope": fields(wanted.scope, "watch works decisions first last"),
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
        **fields(row, "number recipient reason asked_by state error created_at made_at expires_at"),
        "cases": sorted(one.case.number for one in row.bundles.all()),
        "kept": bool(row.made_at and row.files),
    }


def link(row: DownloadLink) -> Plain:
    """A link for somebody outside; its address is told once, elsewhere."""
    return {
        **fields(row, "number note made_by created_at expires_at revoked_at downloads last_used_at"),
        "package": None if row.package is None else row.package.number,
        "report": None if row.report is None else row.report.number,
        "has_password": bool(row.password),
        "holds": row.revoked_at is None and row.expires_at > now(),
    }
