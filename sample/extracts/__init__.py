"""The extracts: one module per family, each a declaration of columns, rows and the dirt they can carry."""
