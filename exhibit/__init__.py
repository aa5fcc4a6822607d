"""Foundation package: types, errors, digests, interfaces, clock, configuration and shared helpers.

Exhibit runs many processes in parallel, so each process uses a single linear algebra thread. The libraries read the
number of threads from the environment when NumPy is loaded: import an Exhibit package before NumPy, or set the
variables yourself.
"""

import os

__version__ = "0.1.0"

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
