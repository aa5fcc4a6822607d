"""What benchmarks say of the machine that they ran on."""

from pathlib import Path

import pytest

from bench.table import machine
from indexer.picture import descriptor


@pytest.mark.parametrize(("flags", "said"), [("avx2 avx512_vnni", "by VNNI"), ("avx2", "without VNNI")])
def test_a_benchmark_says_which_kernel_ran(
    flags: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"flags : fpu {flags}\n")
    monkeypatch.setattr(descriptor, "PROCESSORS", told)
    descriptor.has_vnni.cache_clear()
    try:
        assert said in machine()
    finally:
        descriptor.has_vnni.cache_clear()
