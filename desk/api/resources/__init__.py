"""Operations by resource. Their responses are defined in :mod:`desk.schemas`."""
