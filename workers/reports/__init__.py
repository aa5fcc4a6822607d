"""What reports are limited to and what they show; asking for one."""
