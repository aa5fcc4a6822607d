"""Layout of a picture: borders, panels, pages of text, insets, masks and orientation."""
