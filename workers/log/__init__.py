"""The log at work: sequencing, proofs for rows, restores, replay, error rates."""
