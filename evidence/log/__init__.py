"""The append-only log: Merkle tree, checkpoints as signed notes, proofs, tiles. Rows are kept by `registry`."""
