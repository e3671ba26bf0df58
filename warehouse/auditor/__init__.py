"""The auditor: attacks a release as an outsider would, before it becomes one.

It reads the staged files and the contracts in them, and what earlier releases showed; never the warehouse.
It imports nothing from `warehouse/disclosure`, and its method is another one: unknowns are the leaves only,
every published figure is a bound on a sum of leaves, and HiGHS narrows what is hidden.
"""

from warehouse.auditor.audit import Audit, audit_release

__all__ = ["Audit", "audit_release"]
