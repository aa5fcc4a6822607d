"""The ground: types, errors, digests, ports, clock, configuration and the primitives that every room above uses."""

__version__ = "0.1.0"
