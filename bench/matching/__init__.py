"""Benchmark of matching: recall of edited copies, false alarms on unrelated pictures, and cost per picture."""
