"""Operations that other installations and the public call."""
