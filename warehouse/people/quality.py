"""How good the links are: the yearly clerical check with its interval, and what a release says about the index."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

from warehouse import ledger
from warehouse.engine.duckdb import Session
from warehouse.errors import UsageError
from warehouse.people.step import model_version

PER_TIER = 100
MEASURED = Path(__file__).parent / "measured.json"


def wilson(good: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a share (E. B. Wilson, JASA 22, 1927)."""
    if n == 0:
        return 0.0, 1.0
    p = good / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def draw(session: Session, sample_id: str, per_tier: int = PER_TIER) -> int:
    """Draw links per tier, spread over the ethnic groups; the same sample id draws the same links. Returns how many."""
    if session.value("SELECT count(*) FROM core.person_quality__record WHERE sample_id = ?", [sample_id]):
        raise UsageError(f"Sample {sample_id} is drawn already", "give another name, for example the year")
    with session.transaction():
        session.execute(
            """INSERT INTO core.person_quality__record
               WITH ethnic AS (
                 SELECT p.profile, max(coalesce(e.ethnic_code, '')) AS ethnic
                 FROM core.person_profile__row p JOIN core.enrolment__person_month e USING (delivery_id, row_no) GROUP BY p.profile),
               link AS (
                 SELECT l.link_id, l.tier, coalesce(e.ethnic, '') AS ethnic, md5(? || l.link_id::VARCHAR) AS draw
                 FROM core.person_link__link l LEFT JOIN ethnic e USING (profile) WHERE l.is_current AND l.tier <> 'N'),
               turn AS (
                 SELECT *, row_number() OVER (PARTITION BY tier, ethnic ORDER BY draw) AS round FROM link)
               SELECT ?, link_id, tier, ethnic, NULL, NULL, NULL FROM turn
               QUALIFY row_number() OVER (PARTITION BY tier ORDER BY round, draw) <= ? ORDER BY tier, draw""",
            [sample_id, sample_id, per_tier],
        )
        n: int = session.value(
            "SELECT count(*) FROM core.person_quality__record WHERE sample_id = ?", [sample_id]
        )
        ledger.append(session, "person_quality_sample", sample_id, {"links": n})
    return n


def record(session: Session, sample_id: str, link: str, verdict: str, who: str) -> None:
    """A clerk's verdict on one drawn link: right, wrong or unsure."""
    if verdict not in ("right", "wrong", "unsure"):
        raise UsageError(f"Unknown verdict {verdict}", "say right, wrong or unsure")
    with session.transaction():
        known = session.value(
            "SELECT count(*) FROM core.person_quality__record WHERE sample_id = ? AND link_id = TRY_CAST(? AS UUID)",
            [sample_id, link],
        )
        if not known:
            raise UsageError(
                "This link is not in the sample", f"edu person quality sample {sample_id} lists them"
            )
        session.execute(
            "UPDATE core.person_quality__record SET verdict = ?, judged_by = ?, judged_on = ? WHERE sample_id = ? AND link_id = ?::UUID",
            [verdict, who, date.today(), sample_id, link],
        )
        ledger.append(
            session, "person_quality_verdict", sample_id, {"link": link, "verdict": verdict, "by": who}
        )


def report(session: Session, sample_id: str) -> list[dict[str, Any]]:
    """Per tier: drawn, judged, right, precision with its 95 % Wilson interval (unsure counts as wrong)."""
    rows = session.rows(
        """SELECT tier, count(*), count(verdict), count(*) FILTER (verdict = 'right') FROM core.person_quality__record
           WHERE sample_id = ? GROUP BY 1 ORDER BY 1""",
        [sample_id],
    )
    found = []
    for tier, drawn, judged, right in [*rows, ("all", *(sum(r[i] for r in rows) for i in (1, 2, 3)))]:
        low, high = wilson(right, judged)
        share = round(right / judged, 4) if judged else None
        found.append(
            {
                "tier": tier,
                "drawn": drawn,
                "judged": judged,
                "right": right,
                "precision": share,
                "low": round(low, 4),
                "high": round(high, 4),
            }
        )
    return found


def paper(session: Session, period: str) -> dict[str, Any]:
    """quality/person_index.json of a release: links of the month, what waits for people, and the error as far as it is known.

    `measured_on_invented_people` belongs to this algorithm and model (measured.json, written by benchmarks/linkage.py), or is None.
    `sample_truth` is the comparison with the truth of a sample province, where one was loaded; `clerical` the yearly checks.
    """
    links = session.rows(
        """SELECT tier, count(*), count(DISTINCT person_id) FROM core.person__record WHERE period = ? GROUP BY 1 ORDER BY 1""",
        [period],
    )
    waiting = session.rows(
        """SELECT v.kind, count(*), count(d.left_profile) FROM core.person_review__pair v
           LEFT JOIN (SELECT DISTINCT left_profile, right_profile FROM core.person_decision__pair) d USING (left_profile, right_profile)
           WHERE v.opened_period <= ? GROUP BY 1 ORDER BY 1""",
        [period],
    )
    samples = session.rows("SELECT DISTINCT sample_id FROM core.person_quality__record ORDER BY 1")
    measured = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    truth = session.rows(
        "SELECT facet, value, n_found, n_wrong, n_true FROM core.person_error__facet WHERE period = ? ORDER BY ALL",
        [period],
    )
    return {
        "period": period,
        "model_version": model_version(),
        "links": [{"tier": t, "records": n, "persons": p} for t, n, p in links],
        "review": [{"kind": k, "opened": n, "decided": d} for k, n, d in waiting],
        "clerical": {s: report(session, s) for (s,) in samples},
        "measured_on_invented_people": measured if measured.get("model_version") == model_version() else None,
        "sample_truth": [
            dict(zip(("facet", "value", "found", "wrong", "true"), row, strict=True)) for row in truth
        ],
    }
