"""Test the containers' seccomp profile with the programs that run in them; the kernel applies it in the same way."""

import ctypes
import errno
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from exhibit.browser.program import find_browser
from tests import CHECKOUT

pytestmark = pytest.mark.root

PROFILE = json.loads((CHECKOUT / "seccomp.json").read_text())
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
REFUSED = (
    "mount",
    "ptrace",
    "bpf",
    "keyctl",
    "init_module",
    "kexec_load",
    "io_uring_setup",
    "setns",
    "perf_event_open",
)


def test_seccomp_blocks_container_escape_but_allows_browser_sandbox() -> None:
    [allowed] = [rule["names"] for rule in PROFILE["syscalls"]]
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not set(allowed) & set(REFUSED)
    assert {"clone", "unshare", "chroot"} <= set(allowed)
    done = _run_confined([sys.executable, "-c", _MOUNT])
    assert done.stdout == f"{errno.EPERM}\n"


_MOUNT = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x10000000 | 0x00020000)  # a user namespace with a mount namespace, where one could mount
libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)
print(ctypes.get_errno())
"""


@pytest.mark.long
def test_browser_renders_page_in_sandbox_under_seccomp_profile(open_folder: Path) -> None:
    program = find_browser("").path
    if program is None:
        pytest.skip("There is no browser here.")
    open_folder.chmod(0o777)
    page = "data:text/html,<script>document.title=6*7</script>"
    words = ["--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={open_folder}", "--dump-dom", page]
    done = _run_confined([str(program), *words], home=open_folder)
    assert "<title>42</title>" in done.stdout, done.stderr[-2000:]


@pytest.mark.long
def test_pictures_are_decoded_under_seccomp_profile() -> None:
    program = "from demo.image_stock import ASSETS; from exhibit.pictures.decode import decode, Limits\n"
    program += "print(decode(min((ASSETS / 'works').glob('*.jpg')).read_bytes(), Limits()).pixels.shape)"
    done = _run_confined([sys.executable, "-c", program])
    assert done.stdout.endswith(", 3)\n"), done.stderr[-2000:]


def _run_confined(command: Sequence[str], home: Path = CHECKOUT) -> "subprocess.CompletedProcess[str]":
    """Run a program under the profile, without root's rights if another user can run it."""
    library = _library()
    names = [name.encode() for rule in PROFILE["syscalls"] for name in rule["names"]]

    def confine() -> None:
        context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ERRNO | PROFILE["defaultErrnoRet"])))
        for name in names:
            number = library.seccomp_syscall_resolve_name(name)
            if number >= 0:  # not for this processor, or newer than the library
                library.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, 0, None)
        if library.seccomp_load(context):
            os._exit(9)

    user = 65534 if os.geteuid() == 0 and not command[0].startswith(sys.prefix) else None
    groups: list[int] | None = None if user is None else []
    environ = {**os.environ, "HOME": str(home)}
    return subprocess.run(
        command, preexec_fn=confine, user=user, group=user, extra_groups=groups, env=environ, cwd=CHECKOUT,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("There is no libseccomp here.")
    library.seccomp_init.restype = ctypes.c_void_p
    return library
