"""Results of checking a bundle: checks, grades, and the pinned list of trusted keys and witnesses."""
