"""The ground: types, errors, digests, ports, clock, configuration and the primitives that every room above uses.

Parallel work comes from processes, so linear algebra gets one thread in each. It reads how many from the environment
when NumPy is loaded: import a room before it, or set the variables yourself.
"""

import os

__version__ = "0.1.0"

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
