"""Witnesses of the log (C2SP tlog-witness): each checks that a checkpoint continues the last one that it has seen."""
