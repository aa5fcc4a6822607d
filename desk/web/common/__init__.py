"""Code shared by an owner's pages: permissions, table imports, and pagination."""
