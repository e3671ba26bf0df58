"""Collection: normalised files → staged text → cleaned rows → typed rows in `raw` and identifiers in the vault.

Everything is generated from the contract of the extract. Low-cardinality columns (codes, dates, flags, numbers) are
read once per *distinct* text through a value map, not once per row; identifiers and names are read per row.

Tables made in the transient work database, per source:

stage        text as delivered, of all files of the load
clean        one row per record: delivery_id, row_no, owner, and per column: the typed value, and
             `<c>__bad`  TRUE when something was written that cannot be read (mapped kinds, telephones), or
             `<c>__ok`   TRUE for a valid citizen id, `<c>__damaged` TRUE for one that a spreadsheet has cut;
             `is_repaired` TRUE if a cell read per row differs from its text
repair       delivery_id, field, dirt (D-id), n_cells: cells that were repaired, counted (docs/dirt.md)
"""

from warehouse.intake.acceptance import accept_held, accept_rows, raw_columns, raw_ddl, vault_columns
from warehouse.intake.cleaning import Staged, stage
from warehouse.intake.columns import CLEAN, REPAIR, STAGE
from warehouse.intake.lookups import install_lookups

__all__ = [
    "CLEAN",
    "REPAIR",
    "STAGE",
    "Staged",
    "accept_held",
    "accept_rows",
    "install_lookups",
    "raw_columns",
    "raw_ddl",
    "stage",
    "vault_columns",
]
