"""Pictures that show a comparison to a person."""
