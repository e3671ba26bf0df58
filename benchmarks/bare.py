"""The practical limit: a DuckDB script that only decodes, loads and writes the same marts. No rules, no vault, no ledger.

usage: python -m benchmarks.bare LANDING PERIOD OUT
Imports nothing of the project, so that it measures what somebody would write by hand in an afternoon.
"""

import codecs
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb

SOURCES = {
    "population": "x10",
    "school_directory": "school",
    "class_directory": "class",
    "student_registry": "x1",
    "vocational_registry": "x4",
    "preschool_registry": "x5",
    "poverty_register": "x7",
    "graduate_register": "x6",
}


def decode(job: tuple[str, str]) -> str:
    source, target = job
    decoder = codecs.getincrementaldecoder("gb18030")()
    with Path(source).open("rb") as src, Path(target).open("wb") as out:
        while chunk := src.read(4 << 20):
            out.write(decoder.decode(chunk).encode())
    return target


# Figures of the eight marts, straight from the delivered texts.
MARTS = {
    "enrolment": """SELECT s.county, x.学段, x.性别, x.民族, s.urban, count(*) n FROM x1 x JOIN school_one s ON s.id = x.学校标识码
                    WHERE x.学籍状态 = '在读' GROUP BY ALL ORDER BY ALL""",
    "class_size": """SELECT s.county, x.学段, count(*) n_classes, count(*) FILTER (n >= 56), count(*) FILTER (n >= 66) FROM
                     (SELECT 学校标识码, 学段, 年级, 班级, count(*) n FROM x1 GROUP BY ALL) x JOIN school_one s ON s.id = x.学校标识码
                     GROUP BY ALL ORDER BY ALL""",
    "school_size": "SELECT 学校标识码, count(*) n FROM x1 GROUP BY ALL ORDER BY ALL",
    "gross": """SELECT e.county, e.学段, e.n, p.n FROM (SELECT s.county, x.学段, count(*) n FROM x1 x JOIN school_one s
                ON s.id = x.学校标识码 GROUP BY ALL) e JOIN (SELECT 区划代码, sum(TRY_CAST(合计 AS INT)) n FROM x10 GROUP BY ALL) p
                ON p.区划代码 = e.county ORDER BY ALL""",
    "poverty": """SELECT s.county, x.学段, count(*) n FROM x7 p JOIN x1 x ON x.身份证件号 = p.证件号码
                  JOIN school_one s ON s.id = x.学校标识码 GROUP BY ALL ORDER BY ALL""",
    "graduates": "SELECT 专业代码, 学历层次, 毕业去向, count(*) n FROM x6 GROUP BY ALL ORDER BY ALL",
    "progress": "SELECT count(*) FILTER (n >= 56) / count(*) AS pct FROM (SELECT count(*) n FROM x1 GROUP BY 学校标识码, 年级, 班级)",
    "quality": "SELECT filename, count(*) n FROM x1 GROUP BY ALL ORDER BY ALL",
}


def main(landing: Path, period: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    jobs = []
    for source in SOURCES:
        for file in sorted((landing / source / period).glob("*.csv")):
            jobs.append((str(file), str(out / f"{source}__{file.name}")))
    with ProcessPoolExecutor() as pool:
        list(pool.map(decode, jobs))
    con = duckdb.connect(str(out / "bare.duckdb"))
    con.execute("SET memory_limit = '4GB'")
    for source, table in SOURCES.items():
        files = sorted(str(f) for f in out.glob(f"{source}__*.csv"))
        if files:
            con.execute(
                f"CREATE TABLE {table} AS SELECT * FROM read_csv(?, all_varchar = true, header = true, delim = ',', quote = '\"', "
                "union_by_name = true, filename = true, null_padding = true, strict_mode = false)",
                [files],
            )
    con.execute(
        "CREATE TABLE school_one AS SELECT 学校标识码 id, any_value(left(学校驻地地域码, 6)) county, any_value(left(城乡分类代码, 2)) urban "
        "FROM school GROUP BY ALL"
    )
    for name, sql in MARTS.items():
        con.execute(f"COPY ({sql}) TO '{out}/{name}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    print(con.execute("SELECT count(*) FROM x1").fetchall()[0][0], "registry rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
