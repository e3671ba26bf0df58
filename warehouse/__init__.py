"""WHAT is kept: contracts, models, reference data and the engine. Imports nothing from the other rooms."""
