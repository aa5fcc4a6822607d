"""Time stamps of RFC 3161 authorities: asked for, and checked offline."""
