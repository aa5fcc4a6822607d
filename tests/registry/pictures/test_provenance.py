"""Test that the C2PA manifest and the AI label of a sighted image are sealed."""

import io

import pytest
from PIL import Image

from evidence.facts.case import CreationFacts
from registry.bundles.bundles import load_sealed_case, load_sealed_facts
from registry.bundles.sealing import seal_bundles
from tests.assets.rows import recompress
from tests.assets.sealed_bundles import WORK, request_bundle
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_c2pa_manifest_of_found_picture_is_sealed(inline: SyncRunner) -> None:
    pytest.importorskip("c2pa", reason="the optional component c2pa isn't installed")
    from tests.assets.c2pa_signed import SIGNER, embed_manifest

    bundle = request_bundle(inline, embed_manifest(recompress(WORK)))
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    case = load_sealed_case(inline.services, bundle)
    provenance = load_sealed_facts(inline.services, case).sightings[0].provenance
    assert provenance is not None
    assert (provenance.standing, provenance.signer) == ("valid", SIGNER)
    file = case.manifest.get_file(provenance.file)
    assert file is not None
    assert (file.path, file.role) == ("data/sightings/01/c2pa.json", "c2pa")
    assert SIGNER.split(",", maxsplit=1)[0].encode() in inline.services.blobs.get(file.sha256)


@pytest.mark.long
def test_ai_label_of_found_picture_is_sealed(inline: SyncRunner) -> None:
    out, label = io.BytesIO(), b"ASCII\0\0\0" + b'{"AIGC": {"Label": "2", "ContentProducer": "Studio"}}'
    with Image.open(io.BytesIO(recompress(WORK))) as picture:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = label
        picture.save(out, "JPEG", quality=95, exif=exif)
    bundle = request_bundle(inline, out.getvalue())
    seal_bundles(inline.services, [bundle.pk])
    bundle.refresh_from_db()
    sighting = load_sealed_facts(inline.services, load_sealed_case(inline.services, bundle)).sightings[0]
    assert sighting.making == CreationFacts("", "Label: 2, ContentProducer: Studio")
