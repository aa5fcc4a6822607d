"""How many edited copies are found, how many strangers are taken for copies, and what a picture costs."""
