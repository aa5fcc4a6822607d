"""Log witnesses (C2SP tlog-witness): each checks that a checkpoint is consistent with the last one that it has seen."""
