"""The checks of a bundle, by subject: each takes an ``Inspection`` and gives ``Check``s."""
