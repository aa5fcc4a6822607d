"""What somebody may do who knows the code: strangers crafted to match a work, copies disguised so that they don't."""
