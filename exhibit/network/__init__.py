"""Network access: allowed addresses, guarded HTTP, and normalised URLs."""
