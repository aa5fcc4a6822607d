"""Networks that describe pictures: kept, measured and chosen here, and passed on to other installations."""
