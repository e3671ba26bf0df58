"""The evidence page: every rule of the rule book by stage, and what became of it on the data of this release.

`quality/evidence.json` is written when the candidate is built (assets/sharing/evidence.py); `reference/rule_pending.csv`
holds the rules that no code judges yet. A release without the first falls back on `quality/summary.json`.
"""

from __future__ import annotations

from typing import Any

from dashboard.release import ReleaseFolder

STAGES = (
    ("collection", "C", "采集", "Collection"),
    ("storage", "T", "存储", "Storage"),
    ("processing", "P", "处理", "Processing"),
    ("use", "U", "使用", "Use"),
    ("sharing", "S", "共享", "Sharing"),
)
_WORST = ("error", "failed", "passed", "not_applicable")


def rules_of(release: ReleaseFolder) -> list[dict[str, Any]]:
    """One entry per rule: id, stage, severity, words, clause, owner, results per dataset, trend, and its `state`.

    state: passed, failed, error, not_applicable (its data were there, but no unit it applies to), not_run (no data
    of its kind in this month), at_gate (judged on the finished candidate and when publishing), pending (no code yet).
    """
    node = release.json("quality/evidence.json")
    results: dict[str, list[dict[str, Any]]] = {}
    for row in node.get("results") or release.json("quality/summary.json").get("rules", []):
        results.setdefault(str(row.get("rule", row.get("rule_id", ""))), []).append(row)
    book = {r["rule"]: r for r in node.get("rules", [])}
    pending = {r["rule_id"]: r for r in release.reference("rule_pending")}
    found = []
    for rule_id in sorted({*book, *results, *pending}, key=_order):
        rows = results.get(rule_id, [])
        about = book.get(rule_id, {})
        entry: dict[str, Any] = {
            "id": rule_id,
            "stage": _stage(rule_id),
            "results": [_result(r) for r in rows],
        }
        if rule_id in book or rows:
            entry |= {
                k: about.get(k) for k in ("title_zh", "statement_zh", "statement_en", "clause", "owner_zh")
            }
            entry["severity"] = about.get("severity") or (rows[0].get("severity") if rows else None)
            entry["trend"] = node.get("trend", {}).get(rule_id, [])
            statuses = {r.get("status") or ("failed" if r.get("failed") else "passed") for r in rows}
            entry["state"] = next((s for s in _WORST if s in statuses), None) or (
                "at_gate" if about.get("at_gate") else "not_run"
            )
        else:
            row = pending[rule_id]
            entry |= {k: row[k] for k in ("title_zh", "statement_zh", "statement_en", "clause", "severity")}
            entry |= {"state": "pending", "why": [row["reason_zh"], row["reason_en"]], "trend": []}
        found.append(entry)
    return found


def evidence_data(release: ReleaseFolder) -> dict[str, Any]:
    """Everything that evidence.html shows."""
    node, facts = release.json("quality/evidence.json"), release.facts
    names = {
        r["county_code"]: [r["name_zh"], r["name_en"]]
        for r in release.reference("county")
        if not r["valid_to"]
    }
    names |= {r["college_code"]: [r["name_zh"], r["name_en"]] for r in release.reference("college")}
    names |= {
        r["code"]: [r["name_zh"], r["name_en"]]
        for r in release.reference("map_label")
        if r["kind"] == "province"
    }
    return {
        "release": facts.get("id", ""),
        "period": facts.get("period", ""),
        "asOf": facts.get("data_as_of", ""),
        "seal": facts.get("content_hash", ""),
        "code": facts.get("code_version", ""),
        "months": node.get("months", []),
        "stages": [{"id": i, "letter": letter, "zh": zh, "en": en} for i, letter, zh, en in STAGES],
        "rules": rules_of(release),
        "acceptance": node.get("acceptance", []),
        "decisions": node.get("decisions", []),
        "states": {
            next(iter(r.values())): [r.get("name_zh"), r.get("name_en")]
            for r in release.reference("review_state")
        },
        "owners": names,
        "disclosure": [
            {
                "mart": m["mart"],
                "zh": m.get("title_zh") or m["mart"],
                "en": m.get("title_en") or m["mart"],
                "rows": m.get("rows"),
                "min": m.get("minimum"),
                "hidden": m.get("hidden_rows"),
            }
            for m in facts.get("marts", [])
        ],
    }


def _stage(rule_id: str) -> str:
    return next((i for i, letter, _, _ in STAGES if rule_id[1:2] == letter), "collection")


def _order(rule_id: str) -> tuple[int, str]:
    return next((n for n, s in enumerate(STAGES) if rule_id[1:2] == s[1]), len(STAGES)), rule_id


def _result(row: dict[str, Any]) -> list[Any]:
    status = row.get("status") or ("failed" if row.get("failed") else "passed")
    return [row.get("dataset", ""), status, row.get("severity"), row.get("tested"), row.get("failed")]
