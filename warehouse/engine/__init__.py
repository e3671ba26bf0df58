"""The engine that runs the models: DuckDB by default."""
