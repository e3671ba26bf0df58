"""The pages in every release: `index.html` (indicators) and `evidence.html` (the rules of the five lifecycle stages).

Both are made from the files of the release alone, so that a page never says anything else than the release it lies in:
Parquet and contracts of the marts, RELEASE.json, datapackage.json, `reference/*.csv` and `quality/*.json`.
"""
