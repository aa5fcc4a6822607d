"""What lies where on a picture: borders, panels, pages of text, insets, masks, and how it is turned."""
