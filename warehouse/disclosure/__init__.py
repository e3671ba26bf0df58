"""Disclosure control: from exact marts to figures that may leave the house (docs/disclosure.md).

`protect_marts` is the one way in. The proof that it worked is not here but in `warehouse/auditor`, which
imports nothing from this package.
"""

from warehouse.disclosure.engine import Protected, protect_marts

__all__ = ["Protected", "protect_marts"]
