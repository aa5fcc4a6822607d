"""Registering works without their pictures: by a file of fingerprints that was made on the owner's machine."""

from pathlib import PurePosixPath

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from desk.texts.sentences import in_words
from desk.web.common.access import decider_form, show
from desk.web.works.uploads import LINES_SHOWN
from exhibit.errors import ExhibitError, RefusedError, WrongUseError
from indexer.search.prints import MAX_FILE, MAX_WORKS, read_prints
from registry.models import Owner
from workers.services import wiring
from workers.works.stated import register_all
from workers.works.tables import plain_name, read_works


@decider_form
def state(request: HttpRequest, owner: Owner) -> HttpResponseBase:
    """The form, and what came of each picture that the file tells."""
    values: dict[str, object] = {"most_bytes": MAX_FILE, "most_works": MAX_WORKS}
    if request.method == "POST":
        try:
            values |= _registered(request, owner)
        except ExhibitError as error:
            values["problem"] = in_words(error)
    return show(request, owner, "web/state-works.html", values)


def _registered(request: HttpRequest, owner: Owner) -> dict[str, object]:
    file, table = request.FILES.get("file"), request.FILES.get("table")
    if file is None:
        raise WrongUseError(_("Choose a file."))
    declared = {} if table is None else read_works(str(table.name), table.read())
    results = list(register_all(wiring.services(), owner, read_prints(file.read(MAX_FILE + 1)), declared))
    refused = [(name, in_words(made)) for name, made in results if isinstance(made, RefusedError)]
    new = sum(made.new for _name, made in results if not isinstance(made, RefusedError))
    came = {plain_name(one) for name, _made in results for one in (name, PurePosixPath(name).name)}
    lines = sorted(declared.keys() - came)
    return {
        "told": True,
        "new": new,
        "known": len(results) - len(refused) - new,
        "refused": refused[:LINES_SHOWN],
        "more": len(refused) - len(refused[:LINES_SHOWN]),
        "lines": lines[:LINES_SHOWN],
        "line_count": len(lines),
    }
