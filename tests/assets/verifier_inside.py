"""verify.py of the bundle, run in this process; a few tests start it as people do."""

import io
import warnings
from contextlib import redirect_stdout
from pathlib import Path

from evidence.standalone.verify import main


def told(bundle: Path) -> tuple[int, str]:
    """How it ends, and what it prints; what it doesn't catch is raised."""
    out = io.StringIO()
    with redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its process ends before it would close the ZIP
        code = main([str(bundle)])
    return code, out.getvalue()
