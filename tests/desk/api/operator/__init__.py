"""Operations of the operator."""
