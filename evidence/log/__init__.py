"""The append-only log: Merkle tree, checkpoints as signed notes, proofs, tiles. `registry` stores the entries."""
