"""Which addresses may be reached, and reaching them; URLs as the rooms compare them."""
