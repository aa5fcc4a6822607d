"""What pages of an owner's things stand on: who may see and do what, what every page shows, long lists."""
