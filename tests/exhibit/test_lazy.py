import subprocess
import sys
import threading

import pytest

from exhibit.lazy import late, lazy_names
from tests import CHECKOUT


def test_a_name_is_loaded_when_it_is_asked_for_and_an_unknown_one_is_none() -> None:
    load = lazy_names("exhibit", {"RefusedError": "errors", "absent": "errors"})
    from exhibit.errors import RefusedError

    assert load("RefusedError") is RefusedError
    for name in ("nothing", "absent"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            load(name)


def test_importing_a_package_loads_nothing_of_it() -> None:
    program = """
import sys, types
from exhibit.lazy import late, lazy_names
package = types.ModuleType("exhibit.network")
package.__getattr__ = lazy_names("exhibit.network", {"host_of": "urls"})
assert "exhibit.network.urls" not in sys.modules
assert package.host_of("http://A.example/") == "a.example"
assert "exhibit.network.urls" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT)


def test_what_is_imported_late_is_loaded_at_its_first_use_and_other_imports_are_as_ever() -> None:
    program = """
import sys
import threading
from exhibit.lazy import late
with late():
    from exhibit.network import hosts, urls as addresses
assert not {"exhibit.network", "exhibit.network.urls"} & set(sys.modules)
assert addresses.host_of("http://A.example/") == "a.example"
assert "exhibit.network.urls" in sys.modules
from exhibit.network import urls
assert addresses.DEFAULT_PORTS is urls.DEFAULT_PORTS
try:
    hosts.nothing
except AttributeError:
    pass
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT)


def test_another_thread_imports_at_once_meanwhile() -> None:
    found: list[object] = []

    def load() -> None:
        from exhibit import clock

        found.append(clock)

    with late():
        thread = threading.Thread(target=load)
        thread.start()
        thread.join()
    assert found == [sys.modules["exhibit.clock"]]
