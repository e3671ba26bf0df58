"""What must hold: rules of the five lifecycle stages and the gate that evaluates them.

`rule.py` describes rules as data; `collection`, `storage`, `processing`, `use` and `sharing` list them; `gate.py`
evaluates them with Great Expectations, which `duckdb_source.py` brings to the open connection.
"""
