"""The list in a package names each bundle with its digests, in each language, and nothing else that a file could do."""

from dataclasses import replace

from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import Bundle, Package, Work
from tests.assets.rows import owner
from workers.evidence.package_contents import contents_files
from workers.tasks.sync_runner import SyncRunner

SEAL = Digest.of(b"seal")


def test_each_bundle_is_listed_with_its_digests_and_in_each_language(inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, languages=("en", "zh-hans"))
    studio, moment = owner("studio"), now()
    work = Work.objects.create(owner=studio, number=1, title="Two\x1b[31m\nparrots", registered_at=moment)
    case = studio.cases.create(number=7, work=work, party="shop.example", opened_at=moment)
    bundle = Bundle.objects.create(case=case, number=1, state="done", seal_digest=SEAL, sealed_at=moment)
    file = {"name": "seven.zip", "digest": "ab" * 32, "size": 12345, "crc": 0, "bundle": bundle.pk}
    package = Package.objects.create(
        owner=studio, number=1, recipient="other-side", reason="They\nstay.", asked_by="Ann", files=[file]
    )
    package.bundles.add(bundle)
    files = dict(contents_files(inline.services, package, moment))
    assert list(files) == ["CONTENTS.txt", "CONTENTS.zh-Hans.txt"]
    for name, data in files.items():
        text = data.decode()
        assert all(one in text for one in ("seven.zip", "12,345", "ab" * 32, SEAL.hex, "They stay.", "shop.example")), (
            name
        )
        assert "\x1b" not in text
    assert "No outside witness was configured." in files["CONTENTS.txt"].decode()
