"""OpenCV with one thread: parallel work comes from processes, and threads of a library only take turns with them."""

from typing import Any

import cv2 as opencv

from exhibit.helper import keep_freed_memory

opencv.setNumThreads(1)
keep_freed_memory()

cv2: Any = opencv
"""Untyped on purpose: its own stubs know neither SIFT nor NumPy's exact types."""
