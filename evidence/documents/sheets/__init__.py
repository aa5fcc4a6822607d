"""Documents that are sealed in a bundle: the exhibit sheet, and the deposit record."""
