"""`exhibit bundle to-sign` and `countersign`: a manifest goes out to a device, its signature comes back."""

from pathlib import Path

from evidence.__main__ import main
from registry.models import Bundle
from tests.assets.command_line import Terminal


def test_a_signature_of_the_owners_device_is_filed_and_other_files_are_refused(
    cli: Terminal, sealed_case: Bundle, folder: Path
) -> None:
    manifest = Path((told := cli.ask("bundle", "to-sign", "1", "--out", folder / "out"))["file"])
    assert (manifest.name, told["seal"]) == ("studio-case-1-bundle-1.manifest.json", str(sealed_case.seal_digest))
    assert f"exhibit bundle countersign 1 {manifest.name}.sig" in cli.run("bundle", "to-sign", "1", "--out", folder).out
    assert main(["make-key", str(folder / "device.key")]) == 0
    assert main(["sign", "--key", str(folder / "device.key"), str(manifest)]) == 0
    signature = manifest.with_name(f"{manifest.name}.sig")
    assert cli.run("bundle", "countersign", "1", signature, code=2).err
    cli.run("key", "add", "laptop", folder / "device.key.pub")
    assert "hasn't 64 bytes" in cli.run("bundle", "countersign", "1", manifest, code=2).err
    assert "can't be read: No such file" in cli.run("bundle", "countersign", "1", folder / "missing", code=2).err
    assert "is counter-signed by laptop" in cli.run("bundle", "countersign", "1", signature).out
