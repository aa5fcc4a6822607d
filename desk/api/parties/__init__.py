"""Operations about sites and payment demands."""
