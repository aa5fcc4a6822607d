"""Test that every benchmark and the training can be loaded with the current product."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import bench
import training

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TRAINING_ONLY_MODULES = {"torch", "onnx"}


@pytest.mark.parametrize("package", [bench, training], ids=lambda one: one.__name__)
def test_every_module_loads(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as lack:
                if lack.name not in TRAINING_ONLY_MODULES:
                    raise


def test_help_lists_every_measurement(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in THREADS:
        monkeypatch.setenv(name, "1")  # the value that the module sets, restored for later processes
    monkeypatch.setattr("sys.argv", ["bench", "--help"])
    main = importlib.import_module("bench.__main__")
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert "recrawling" in capsys.readouterr().out
