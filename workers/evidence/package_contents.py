"""The list of contents that lies in a package: what each bundle is, its digests, and which witnesses had answered."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording, zone_named
from evidence.facts.case import WitnessFacts
from registry.models import Bundle, Package
from registry.models.fields import KeptFile
from workers.evidence.documents import languages_of
from workers.log.witness_answers import answers_of
from workers.services.wiring import Services

NAME = "CONTENTS"


def contents_files(services: Services, package: Package, made_at: datetime) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the list in each language of the installation; the first one's name bears no language."""
    bundles = list(package.bundles.select_related("case__work", "case__owner").order_by("case__number"))
    answers = {pk: [bundle.facts for bundle in found] for pk, found in answers_of(bundles).items()}
    files = {file["bundle"]: file for file in package.files if "bundle" in file}
    for place, language in enumerate(languages_of(services)):
        wording = Wording(load_phrases(language), zone_named(services.config.time_zone))
        lines = [*_head(package, made_at, wording)]
        for bundle in bundles:
            lines += ["", *_bundle(bundle, files[bundle.pk], answers[bundle.pk], wording)]
        lines += ["", wording.say("package.check"), wording.say("package.later"), wording.say("document.footer")]
        ending = "" if place == 0 else f".{language}"
        yield f"{NAME}{ending}.txt", ("\n".join(lines) + "\n").encode()


def _head(package: Package, made_at: datetime, wording: Wording) -> Iterator[str]:
    yield wording.say(f"package.{package.recipient}")
    yield ""
    made = {"time": wording.both_times(made_at), "by": package.asked_by, "owner": package.owner.name}
    yield wording.say("package.made", **made)
    if package.recipient == Package.Recipient.OTHER_SIDE:
        said = "withheld" if package.reason else "withheld_silently"
        yield wording.say(f"package.{said}", reason=_line(package.reason))


def _bundle(bundle: Bundle, file: KeptFile, witnesses: Sequence[WitnessFacts], wording: Wording) -> Iterator[str]:
    case = bundle.case
    assert bundle.seal_digest is not None
    assert bundle.sealed_at is not None
    yield wording.say("package.case", case=case.number, title=_line(case.work.title), party=_line(case.party))
    yield "  " + wording.say("package.file", name=file["name"], size=f"{file['size']:,}")
    yield "  " + wording.say("package.sha256", digest=file["digest"])
    yield "  " + wording.say("package.seal", digest=bundle.seal_digest.hex, time=wording.time(bundle.sealed_at))
    for witness in witnesses:
        yield "  " + _witness(witness, wording)
    if not witnesses:
        yield "  " + wording.say("package.no_witness")


def _witness(one: WitnessFacts, wording: Wording) -> str:
    said = wording.say("package.waiting", name=one.name)
    if one.time is not None:
        said = wording.say("package.complete", name=one.name, time=wording.time(one.time))
    return f"{said} {wording.say('package.development')}" if one.development else said


def _line(text: str) -> str:
    """Words of others on one line, without what a terminal would obey."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
