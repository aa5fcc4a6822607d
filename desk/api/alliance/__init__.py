"""What other installations ask of this one."""
