"""The rows: the only room with an ORM; queries are named after what they answer."""
