"""Pictures become vectors, vectors become candidates, candidates become matches.

Parallel work comes from processes, so the libraries below get one thread each. Linear algebra reads how many from the
environment when NumPy is loaded: import this package before it, or set the variables yourself.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
