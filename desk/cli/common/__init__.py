"""What commands stand on. No command is here, and no group of commands imports another."""
