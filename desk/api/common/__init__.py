"""What all operations stand on; nothing here knows a resource."""
