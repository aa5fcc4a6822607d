import subprocess
import sys

import pytest

from exhibit.lazy_names import build_lazy_getattr
from tests import CHECKOUT


def test_name_is_loaded_on_access_and_unknown_name_fails() -> None:
    load = build_lazy_getattr("exhibit", {"RefusedError": "errors", "absent": "errors"})
    from exhibit.errors import RefusedError

    assert load("RefusedError") is RefusedError
    for name in ("nothing", "absent"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            load(name)


def test_package_import_loads_no_submodules() -> None:
    program = """
import sys, types
from exhibit.lazy_names import build_lazy_getattr
package = types.ModuleType("exhibit.network")
package.__getattr__ = build_lazy_getattr("exhibit.network", {"get_url_host": "addresses"})
assert "exhibit.network.addresses" not in sys.modules
assert package.get_url_host("http://A.example/") == "a.example"
assert "exhibit.network.addresses" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT)
