"""The bundle's verify.py, run in this process; a few tests start it as a program."""

import io
import warnings
from contextlib import redirect_stdout
from pathlib import Path

from evidence.standalone.verify import main


def run_verifier(bundle: Path) -> tuple[int, str]:
    """Return the exit code and output. Exceptions that it does not handle are raised."""
    out = io.StringIO()
    with redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its process would end without closing the ZIP
        code = main([str(bundle)])
    return code, out.getvalue()
