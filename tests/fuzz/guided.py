"""``python -m tests.fuzz.guided TARGET SECONDS``: fuzz a target guided by its line coverage (atheris, libFuzzer).

Useful inputs are kept in ``var/fuzz/corpus/``. An input that breaks the target is written to ``var/fuzz/``, and the
exit code is 1 then.
"""

import sys
from hashlib import sha256
from pathlib import Path

import atheris
import django

OUT = Path("var/fuzz")
PRODUCT_PACKAGES = ["exhibit", "crawler", "evidence", "workers", "desk"]


def main(target: str, seconds: float) -> None:
    """Run the target. Never returns."""
    django.setup()
    with atheris.instrument_imports(include=PRODUCT_PACKAGES):
        from tests.fuzz.targets import fuzz_one, seeds

        fuzz_one(target, b"")  # imports it completely, for the coverage
    corpus = OUT / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds(target):
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    limits = [f"-max_total_time={seconds:.0f}", "-timeout=10", "-rss_limit_mb=3072", "-max_len=1000000"]
    options = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={OUT}/{target}-"]
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], lambda data: fuzz_one(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
