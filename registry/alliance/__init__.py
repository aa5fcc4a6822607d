"""Other installations: partners, signed requests to and from them, and cosigned checkpoints of logs."""
