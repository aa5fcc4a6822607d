"""Witnesses of the log (C2SP tlog-witness): each makes sure that a head continues the last one that it has seen."""
