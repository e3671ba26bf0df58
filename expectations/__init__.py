"""What must hold: rules of the five lifecycle stages and the gate that evaluates them.

`rule.py` describes rules as data; one module per stage lists them; `gate.py` evaluates them with Great
Expectations, which `duckdb_source.py` brings to the open connection.
"""
