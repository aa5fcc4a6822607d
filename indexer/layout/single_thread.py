"""OpenCV with one thread: processes provide the parallelism, and library threads would compete with them for cores."""

from typing import Any

import cv2 as opencv

from exhibit.helper import keep_freed_memory

opencv.setNumThreads(1)
keep_freed_memory()

cv2: Any = opencv
"""The OpenCV module, deliberately untyped: its stubs include neither SIFT nor NumPy's exact types."""
