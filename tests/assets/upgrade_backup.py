"""Create the snapshot of a release that later versions must read: a backup with its log, and a downloaded bundle.

Run ``python -m tests.assets.upgrade_backup tests/assets/upgrades/VERSION.tar.xz`` once for a version, before it is
tagged. It writes ``VERSION.bundle.xz`` beside the backup: a bundle with whose checkpoint the restored log must be
consistent. Both are compressed. The backup has a few rows of every kind, and lacks the network that ships with the
version, which is twenty times as large as the rest.
"""

import io
import json
import lzma
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PASSWORD = "a long enough password"
MAX_BYTES = 300_000


def picture(seed: int) -> bytes:
    """Return a small image of plain shapes as JPEG; its drawings are small, too."""
    from random import Random

    from PIL import Image, ImageDraw

    from tests.assets.rows import encode_jpeg

    random, image = Random(seed), Image.new("RGB", (120, 90), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(8):
        x, y = random.randrange(90), random.randrange(60)
        box = (x, y, x + random.randrange(15, 60), y + random.randrange(15, 60))
        random.choice((draw.rectangle, draw.ellipse))(box, fill=(random.randrange(256),) * 3)
    return encode_jpeg(image)


def fill_installation(inline: Any) -> None:  # noqa: ANN401 - Django isn't set up yet when this module is loaded
    """Create rows of every kind: users, roles, crawls, cases of each decision, documents, rules, keys, signed log."""
    from django.db import transaction
    from django.utils import timezone

    from registry.cases.decisions import confirm_case, dismiss_case
    from registry.crawls import copy_checks, denylists, watch_settings
    from registry.log.sequencer import sequence_log, sign_checkpoint
    from registry.matches.match import match_pictures
    from registry.members import accounts, tokens
    from registry.models import Case, Notice, NoticeMail, User
    from registry.works import licences
    from tests.assets.rows import claim_new_slice, recompress, record_sightings, register
    from tests.assets.sealed_bundles import run_until_sealed

    services = inline.services
    studio = accounts.add_owner("Studio", contact="studio@example.org", by="Ann")
    accounts.add_member(studio, "ann@example.org", "owner", PASSWORD)
    tokens.create_token(studio, User.objects.get(), name="Ours", scopes=["read"], days=9)
    for seed, name in enumerate(("first", "second")):
        register(services, studio, picture(seed), f"Work {name}")
        planned, epoch = claim_new_slice(studio, name)
        copies = [recompress(picture(seed)), picture(seed + 5)]
        match_pictures(services, record_sightings(services, planned, epoch, copies, host=f"{name}.invalid"))
        planned.state = "done"
        planned.save(update_fields=["state"])
    case, other = Case.objects.order_by("pk")
    confirm_case(services, case, by="Ann", reason="A copy of my work.")
    run_until_sealed(inline, case.bundles.get())
    dismiss_case(other, by="Ann", reason="We sold it.")
    new = licences.NewLicence(licensee="Shop", domain="second.invalid")
    licences.add_licences(studio, [new], by="Ann")
    watch = studio.watches.get(name="second")
    with transaction.atomic():
        copy_checks.add_known_copy(other.work, watch, "http://second.example/hidden", by="Ann")
    watch_settings.pause_watch(watch, by="Ann")
    denylists.deny_host("denied.example", by="Ann", reason="They asked.")
    denylists.block_digest(services.blobs.put(b"blocked"), by="Ann", reason="An order.")
    about = {"kind": "dmca", "language": "en", "party": "first.invalid", "created_by": "Ann"}
    notice = Notice.objects.create(owner=studio, number=1, created_at=timezone.now(), **about)
    NoticeMail.objects.create(notice=notice, to="host@example.org", by="Ann", message_id="<1@example.org>")
    inline.run_until_idle()
    sequence_log(services)
    sign_checkpoint(services)


def remove_network(whole: Path, target: Path, network: str) -> None:
    """Copy a backup without the bytes of the network, and update its description."""
    from exhibit.digests import Digest
    from workers.database.backup_format import DESCRIPTION_NAME, format_blob_name, iterate_files

    contents = {name: stream.read() for name, stream in iterate_files(whole) if name != format_blob_name(network)}
    description = json.loads(contents.pop(DESCRIPTION_NAME))
    listed = contents.pop(description["listed"]["name"]).decode().replace(f"{network}\n", "").encode()
    name = f"blobs-{Digest.from_bytes(listed).hex[:16]}.txt"
    description["listed"].update(name=name, digest=Digest.from_bytes(listed).hex, size=len(listed))
    description["blobs"] -= 1
    contents |= {name: listed, DESCRIPTION_NAME: json.dumps(description, indent=2).encode()}
    with tarfile.open(target, "w:xz", format=tarfile.PAX_FORMAT) as tar:
        for member, data in contents.items():
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(data), 0o600
            tar.addfile(info, io.BytesIO(data))


def bundle_of(backup: Path) -> Path:
    """Return the path of the bundle that the installation of a backup handed out."""
    return backup.with_name(f"{backup.name.removesuffix('.tar.xz')}.bundle.xz")


def main(target: Path) -> None:
    """Create an installation in its own folder, fill it, and back it up."""
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="exhibit-upgrade-") as name:
        Path(name).chmod(0o755)
        data = Path(name) / "data"
        os.environ |= {"EXHIBIT_DATA": str(data), "EXHIBIT_CAPTURE_BROWSER": "none", "EXHIBIT_LANGUAGES": "en"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "desk.settings", "DATABASE_URL": "", "REDIS_URL": ""}
        from registry.configuration import load_config
        from workers.servers.embedded import EmbeddedServers

        config = load_config()
        with EmbeddedServers(config):
            from workers.database.schema import migrate

            migrate()
            from registry.bundles.bundles import write_bundle_zip
            from registry.models import Bundle, DescriptorModel
            from workers.database.backup import back_up
            from workers.tasks.sync_runner import SyncRunner

            inline = SyncRunner(config)
            fill_installation(inline)
            whole = Path(name) / "whole.tar"
            back_up(inline.services, whole, keys=True, report=lambda _: None)
            remove_network(whole, target, DescriptorModel.objects.get().digest.hex)
            handed_out = io.BytesIO()
            write_bundle_zip(inline.services, Bundle.objects.get(), handed_out)
            bundle_of(target).write_bytes(lzma.compress(handed_out.getvalue(), preset=9))
    for file in (target, bundle_of(target)):
        size = file.stat().st_size
        assert size < MAX_BYTES, f"{file.name}: {size:,} bytes"


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
