"""Operations about parties and money."""
