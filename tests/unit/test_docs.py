"""The documents say what is there: the rule table is generated, the recipes run, the links lead somewhere.

`python -m tests.unit.test_docs` from the project's folder writes docs/rules.md anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from expectations.rule import Stage, all_rules
from warehouse.contract import load_contracts
from warehouse.protection import enforced

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RULES = DOCS / "rules.md"
PAGES = sorted([*ROOT.glob("README*.md"), *DOCS.rglob("*.md")])

_HEAD = """# Rules

Generated from `expectations/`; do not edit. After a change of a rule: `python -m tests.unit.test_docs`.

**block** 阻断: the file is refused, or nothing is published · **quarantine** 隔离: the row is kept out of the tables and listed (RP04: only
listed) · **warn** 提示: the owner is told · **audit** 留痕: kept as evidence. The same rule may be milder on some datasets. Results of a
month: `edu check PERIOD --all`.
"""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def render() -> str:
    """docs/rules.md as the rules are now."""
    rules = all_rules()
    lines = [_HEAD]
    for stage in Stage:
        mine = [r for r in sorted(rules.values(), key=lambda r: r.id) if r.stage is stage]
        lines += [f"## {stage.zh} {stage.value}: {len(mine)} rules", ""]
        lines += ["| id | severity | title | statement | clause | datasets |", "|---|---|---|---|---|---|"]
        for rule in mine:
            datasets: dict[str, set[str]] = {}
            for check in rule.checks:
                datasets.setdefault(check.dataset, set()).add(str(check.severity or rule.severity))
            sources = set(load_contracts("extracts"))
            if len(datasets) > len(sources) and sources <= set(datasets):
                kinds = set.union(*(datasets.pop(name) for name in sources))
                datasets["every source"] = kinds
            listed = ", ".join(
                f"`{name}`" + (f" ({', '.join(sorted(found))})" if found != {str(rule.severity)} else "")
                for name, found in sorted(datasets.items())
            )
            cells = (
                rule.id,
                str(rule.severity),
                rule.title_zh,
                rule.statement_en,
                rule.clause,
                listed,
            )
            lines.append("| " + " | ".join(_cell(c) for c in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def recipes() -> list[str]:
    text = (DOCS / "analyst.md").read_text(encoding="utf-8")
    return re.findall(r"^```sql\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def empty_release():
    """Marts without rows, as a release holds them, in three databases: the one in use, `old` and `new`."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS old; ATTACH ':memory:' AS new")
    for database in ("memory", "old", "new"):
        con.execute(f"CREATE SCHEMA {database}.mart")
        for contract in load_contracts("marts").values():
            columns = {c.name: c.type for c in enforced(contract).columns}
            listed = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
            con.execute(f"CREATE TABLE {database}.{contract.table} ({listed})")
    yield con
    con.close()


def test_rules_are_those_of_the_code():
    assert RULES.read_text(encoding="utf-8") == render(), "run: python -m tests.unit.test_docs"


@pytest.mark.parametrize("number", range(len(recipes())))
def test_recipe_runs(empty_release, number):
    assert empty_release.execute(recipes()[number]).description


def test_there_are_recipes():
    assert len(recipes()) >= 8


def test_analyst_names_every_mart_and_its_key():
    text = (DOCS / "analyst.md").read_text(encoding="utf-8")
    for mart, contract in load_contracts("marts").items():
        line = next((x for x in text.splitlines() if x.startswith(f"| `{mart}` |")), "")
        named = re.findall(r"[a-z_]+", re.sub(r"\(.*?\)", "", line.split("|")[2])) if line else []
        assert named == list(contract.key), mart


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", ("operator.md", "operator.zh-CN.md", "dirt.md"))
def test_rules_named_exist(page):
    named = set(re.findall(r"\bR[CTPUS]\d{2}\b", (DOCS / page).read_text(encoding="utf-8")))
    assert named <= set(all_rules())


@pytest.mark.parametrize("page", ("operator.md", "operator.zh-CN.md"))
def test_operator_names_every_refusal_and_setting(page):
    from expectations.rule import Severity
    from warehouse.config import DEFAULTS

    text = (DOCS / page).read_text(encoding="utf-8")
    refusing = {
        r.id
        for r in all_rules().values()
        for c in r.checks
        if c.dataset == "delivery" and (c.severity or r.severity) is Severity.BLOCK
    }
    assert refusing <= set(re.findall(r"^\| (RC\d{2})", text, re.MULTILINE))
    for section, names in DEFAULTS.items():
        for name in names:
            assert f"`{section}.{name}`" in text, f"{section}.{name}"


def test_dirt_catalogue_is_whole():
    text = (DOCS / "dirt.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (D\d{2}) ", text, re.MULTILINE) == [f"D{n:02d}" for n in range(1, 29)]


if __name__ == "__main__":
    RULES.write_text(render(), encoding="utf-8")
