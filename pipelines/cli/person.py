"""`edu person`: why records are one person or not, the review queue, decisions, and the yearly check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings

purpose_option = click.option(
    "--purpose", required=True, help="Why personal data are looked at; kept in the ledger."
)
by_option = click.option(
    "--by", "who", required=True, help="Account id of the person who acts, for example u-6300-01."
)
reason_option = click.option("--reason", required=True, help="Why; kept in the ledger.")


@click.group(short_help="One person across the sources: explain, review, decide")
def person() -> None:
    """人员 / One person across the sources: explain, review, decide.

    Example: edu person explain student_registry:ab12…:17 poverty_register:cd34…:5 --purpose 核实
    """


@person.command(short_help="Why two records are one person, or not")
@click.argument("left")
@click.argument("right")
@purpose_option
@by_option
@json_option
@with_settings
def explain(settings: Settings, left: str, right: str, purpose: str, who: str, as_json: bool) -> None:
    """解释 / Compare LEFT and RIGHT (source:delivery:row, or a person id): masked values and the weight of each comparison."""
    from warehouse import ledger
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.keys import load_keys
    from warehouse.people import registry
    from warehouse.people.explain import explain as compare

    with open_warehouse(settings) as session:
        prepare(session)
        one, other = registry.resolve(session, left)[0], registry.resolve(session, right)[0]
        same = registry.person_of(session, one) == registry.person_of(session, other)
        tiers = {
            p: (t, s)
            for p, t, s in session.rows(
                "SELECT profile, tier, score FROM core.person_link__link WHERE is_current AND profile IN (?, ?)",
                [one, other],
            )
        }
        with session.transaction():
            ledger.append(session, "person_explained", f"{left} {right}", {"by": who, "purpose": purpose})
        found = compare(settings, load_keys(settings.key_file, may_create=False), session.folder, one, other)
    say("同一人 / one person" if same else "不是同一人(未链接) / not linked")
    for key in found.left:
        say(f"  {key:<10} {found.left[key]:<44} {found.right[key]}")
    for bar in found.bars:
        length = min(30, round(abs(bar.weight)))
        say(
            f"  {bar.comparison:<12} {bar.level:<30} {bar.weight:>6.1f} {('+' if bar.weight >= 0 else '-') * length}"
        )
    say(f"  模型概率 / probability by the model alone: {found.probability}")
    for tier, score in tiers.values():
        say(f"  链接 / link: {tier} {score if score is not None else ''}")
    emit(
        as_json,
        {"linked": same, "tiers": [t for t, _ in tiers.values()], "left": found.left, "right": found.right,
         "bars": [vars(b) for b in found.bars], "probability": found.probability},
    )  # fmt: skip


@person.command(short_help="Pairs that wait for a decision")
@click.option("--limit", default=20, show_default=True)
@json_option
@with_settings
def review(settings: Settings, limit: int, as_json: bool) -> None:
    """待判定 / Pairs that only a person may decide, by kind; keys and evidence, no values. Example: edu person review --limit 5"""
    from warehouse.engine.duckdb import open_reader

    with open_reader(settings) as session:
        rows = session.rows(
            """SELECT v.kind, any_value(a.source || ':' || a.delivery_id || ':' || a.row_no),
                      any_value(b.source || ':' || b.delivery_id || ':' || b.row_no), any_value(v.score), v.evidence
               FROM core.person_review__pair v
               JOIN core.person_profile__row a ON a.profile = v.left_profile
               JOIN core.person_profile__row b ON b.profile = v.right_profile
               WHERE NOT EXISTS (SELECT 1 FROM core.person_decision__pair d
                                 WHERE d.left_profile = v.left_profile AND d.right_profile = v.right_profile)
               GROUP BY v.review_id, v.kind, v.evidence ORDER BY 4 DESC NULLS LAST, 2 LIMIT ?""",
            [limit],
        )
    for kind, left, right, score, _ in rows:
        say(f"{kind:<12} {left}  {right}  {score if score is not None else ''}")
    say(
        f"{len(rows)} shown. Next: edu person explain LEFT RIGHT, then edu person decide LEFT RIGHT same|different"
    )
    emit(
        as_json,
        {"pairs": [{"kind": k, "left": a, "right": b, "score": s, "evidence": e} for k, a, b, s, e in rows]},
    )


@person.command(short_help="Decide a pair: same or different")
@click.argument("left")
@click.argument("right")
@click.argument("verdict", type=click.Choice(["same", "different"]))
@by_option
@reason_option
@with_settings
def decide(settings: Settings, left: str, right: str, verdict: str, who: str, reason: str) -> None:
    """判定 / Two records show the same person, or different ones; applied before matching on every load."""
    _act(
        settings,
        lambda s, r: r.decide(s, r.resolve(s, left)[0], r.resolve(s, right)[0], verdict, who, reason),
    )
    say("✓ recorded; the next load of a month uses it")


@person.command(short_help="Merge two persons")
@click.argument("one")
@click.argument("other")
@by_option
@reason_option
@with_settings
def merge(settings: Settings, one: str, other: str, who: str, reason: str) -> None:
    """合并 / ONE and OTHER (records or person ids) become one person; the older id survives."""

    def act(s: Any, r: Any) -> Any:
        return r.merge(
            s, r.person_of(s, r.resolve(s, one)[0]), r.person_of(s, r.resolve(s, other)[0]), who, reason
        )

    say(f"✓ {_act(settings, act)}")


@person.command(short_help="Part records from their person")
@click.argument("records", nargs=-1, required=True)
@by_option
@reason_option
@with_settings
def split(settings: Settings, records: tuple[str, ...], who: str, reason: str) -> None:
    """拆分 / RECORDS (source:delivery:row) get a person of their own."""
    say(f"✓ {_act(settings, lambda s, r: r.split(s, [r.resolve(s, k)[0] for k in records], who, reason))}")


@person.command(short_help="Take a merge back")
@click.argument("gone")
@by_option
@reason_option
@with_settings
def undo(settings: Settings, gone: str, who: str, reason: str) -> None:
    """撤销合并 / GONE, a person id that was merged into another, lives again with its records. The ledger names merges."""

    def act(session: Any, registry: Any) -> Any:
        from uuid import UUID

        from warehouse.errors import UsageError

        try:
            person = UUID(gone)
        except ValueError:
            raise UsageError(
                "Not a person id", "give the id that went; the ledger names it (person_merged)"
            ) from None
        return registry.unmerge(session, person, who, reason)

    say(f"✓ {_act(settings, act)} | {gone}")


@person.group()
def decisions() -> None:
    """判定存档 / What people decided, as a file that survives a rebuild of the warehouse."""


@decisions.command("export", short_help="Write all decisions to a file")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@with_settings
def export_(settings: Settings, file: Path, as_json: bool) -> None:
    """导出 / Write all decisions and clerical verdicts to FILE (tokens and reasons; mode 0600). Example: edu person decisions export d.json"""
    from warehouse.keys import load_keys
    from warehouse.people import decisions as d

    keys = load_keys(settings.key_file, may_create=False)
    counts = _act(settings, lambda s, _: d.write(s, keys, file))
    say(f"✓ {counts['decisions']} decisions, {counts['verdicts']} verdicts")
    emit(as_json, counts)


@decisions.command("import", short_help="Take the decisions of a file in")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@by_option
@json_option
@with_settings
def import_(settings: Settings, file: Path, who: str, as_json: bool) -> None:
    """导入 / Take FILE in: before the first load of a rebuilt warehouse, or at any time; what is known is left alone."""
    from warehouse.keys import load_keys
    from warehouse.people import decisions as d

    keys = load_keys(settings.key_file, may_create=False)
    done = _act(settings, lambda s, _: d.read(s, keys, file, who))
    say(
        f"✓ {done.new} new ({done.applied} applied now, the others by the load that brings their records), {done.known} known"
    )
    emit(as_json, vars(done))


@person.group()
def quality() -> None:
    """年度抽查 / The yearly clerical check of the links: sample, record, report."""


@quality.command(short_help="Draw links to check")
@click.argument("name")
@click.option("--per-tier", default=100, show_default=True)
@json_option
@with_settings
def sample(settings: Settings, name: str, per_tier: int, as_json: bool) -> None:
    """抽样 / Draw links per tier, spread over ethnic groups. Example: edu person quality sample 2026"""

    def act(session: Any, _: Any) -> list[Any]:
        from warehouse.people import quality as q

        q.draw(session, name, per_tier)
        return list(
            session.rows(
                "SELECT link_id::VARCHAR, tier FROM core.person_quality__record WHERE sample_id = ? ORDER BY tier",
                [name],
            )
        )

    rows = _act(settings, act)
    for link, tier in rows:
        say(f"{tier:<4} {link}")
    emit(as_json, {"links": [{"link": k, "tier": t} for k, t in rows]})


@quality.command(short_help="Record a verdict")
@click.argument("name")
@click.argument("link")
@click.argument("verdict", type=click.Choice(["right", "wrong", "unsure"]))
@by_option
@with_settings
def record(settings: Settings, name: str, link: str, verdict: str, who: str) -> None:
    """登记 / What the clerk found for LINK of sample NAME."""

    def act(session: Any, _: Any) -> None:
        from warehouse.people import quality as q

        q.record(session, name, link, verdict, who)

    _act(settings, act)
    say("✓ recorded")


@quality.command(short_help="Precision per tier with its interval")
@click.argument("name")
@json_option
@with_settings
def report(settings: Settings, name: str, as_json: bool) -> None:
    """报告 / Precision of the links of sample NAME per tier, with the 95 % Wilson interval."""
    from warehouse.engine.duckdb import open_reader
    from warehouse.people import quality as q

    with open_reader(settings) as session:
        rows = q.report(session, name)
    for r in rows:
        say(
            f"{r['tier']:<4} {r['right']}/{r['judged']} of {r['drawn']} drawn: {r['precision']} [{r['low']}, {r['high']}]"
        )
    emit(as_json, {"tiers": rows})


@quality.command(short_help="Compare a sample province with its truth")
@click.argument("period")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the truth tables.",
)
@json_option
@with_settings
def measure(settings: Settings, period: str, truth: Path | None, as_json: bool) -> None:
    """实测 / Precision and recall of the links of PERIOD, per tier, sources and kind of defect; for sample data only.

    The figures are kept and stand in quality/person_index.json of the next release built. Example: edu person quality measure 2025-09
    """
    from warehouse.errors import UsageError

    folder = truth or settings.data / "truth"
    if not (folder / "row.parquet").is_file():
        raise UsageError(
            f"No truth tables in {folder}",
            "only sample data have them: edu sample; else use edu person quality sample",
        )

    def act(session: Any, _: Any) -> list[Any]:
        from sample import person_error

        rows = person_error.measure(session, folder, period)
        with session.transaction():
            session.execute("DELETE FROM core.person_error__facet WHERE period = ?", [period])
            for row in rows:
                session.execute(
                    "INSERT INTO core.person_error__facet VALUES (?, ?, ?, ?, ?, ?)", [period, *row]
                )
        return rows

    rows = _act(settings, act)
    for facet, value, found, wrong, true in rows:
        precision = f"{1 - wrong / found:.5f}" if found else "–"
        recall = f"{(found - wrong) / true:.5f}" if true else "–"
        say(
            f"{facet:<8} {value:<40} {found:>9} found {wrong:>6} wrong  precision {precision}  recall {recall}"
        )
    emit(
        as_json,
        {"rows": [dict(zip(("facet", "value", "found", "wrong", "true"), r, strict=True)) for r in rows]},
    )


def _act(settings: Settings, act: Any) -> Any:
    """Run an act on the opened warehouse."""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.people import registry

    with open_warehouse(settings) as session:
        prepare(session)
        return act(session, registry)
