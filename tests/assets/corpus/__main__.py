"""Write the corpus into a folder: ``python -m tests.assets.corpus FOLDER``."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from evidence.verdict.trust import Trust, load_trust
from evidence.verify.verifier import Verifier
from exhibit.digests import Digest
from tests.assets import forged_evidence, receipt_kinds, timestamp_table
from tests.assets.bundle_changes import Files
from tests.assets.bundles import make_scene
from tests.assets.corpus import TRUST, base, cases, write_case
from tests.assets.corpus.deceit import forge_bundle
from tests.assets.corpus.inventions import FAMILIES
from tests.assets.resealing import seal_lie
from tests.assets.tampering import read_files, zip_bytes
from tests.assets.timestamp_kinds import bundle_of
from tests.evidence.verify.test_forgeries import FORGERIES

CaseContent = tuple[str, bytes | Files, Trust]


def generate_cases(scratch: Path) -> Iterator[CaseContent]:
    """Yield every case with its name and trust list. Cases that are not in the tables are generated at each run."""
    trust = load_trust(TRUST)
    yield from ((name, case.make(base()), trust) for name, case in cases().items())
    for kind in (*timestamp_table.kinds(), *receipt_kinds.kinds()):
        files, list_of_one = bundle_of([kind])
        yield f"receipts: {kind.name}", zip_bytes(files), list_of_one
    scene = make_scene(scratch)
    whole = read_files(scene.write(scratch / "whole.zip"))
    for name, (lie, _) in forged_evidence.FORGED.items():
        yield f"judged: {name}", zip_bytes(seal_lie(whole, lie)), scene.trust
    for name, (forge, _) in FORGERIES.items():
        other = forge(scene)
        yield f"forgeries: {name}", other.write(scratch / "other.zip").read_bytes(), other.trust
    for family, kinds in FAMILIES.items():
        for name, (invention, _) in kinds.items():
            files, list_of_one = forge_bundle(scene, whole, invention)
            yield f"{family}: {name}", zip_bytes(files), list_of_one


def main(folder: Path) -> None:
    """Write every case as a numbered ZIP or folder, the trust lists, and the expected result of each case."""
    folder.mkdir(parents=True, exist_ok=True)
    expected_results = {}
    with TemporaryDirectory() as scratch:
        for number, (name, content, trust) in enumerate(generate_cases(Path(scratch))):
            path = write_case(content, folder / f"{number:04d}")
            list_path = folder / f"trust-{Digest.from_bytes(trust.to_json()).hex[:16]}.json"
            list_path.write_bytes(trust.to_json())
            verdict = Verifier(trust).verify(path)
            states = {check.name: str(check.state) for check in verdict.checks if check.state != "passed"}
            expected = {"name": name, "trust": list_path.name, "exit_code": int(verdict.outcome), "not_passed": states}
            expected_results[path.name] = expected
    (folder / "expected.json").write_text(
        json.dumps(expected_results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
