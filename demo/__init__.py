"""The demonstration: the whole way of the product, once, over three small sites made for it."""
