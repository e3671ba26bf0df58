"""One delivered file → one normalised copy and facts; bad content becomes a Problem, never an exception."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from warehouse.contract import Contract, extract_contract
from warehouse.reading import archive, decode, sniff
from warehouse.reading.join import join
from warehouse.reading.problems import problem
from warehouse.reading.result import Facts, Limits, ReadResult, Refused

Job = tuple[Path, str, Path]
# In a zip: suffixes of tables, refusals of files that are no table, and of tables without a record
_TABLES = (".csv", ".tsv", ".xls", ".xlsx", ".et")
_NO_TABLE = ("unsupported_format", "header_not_found", "empty_file", "encoding", "nul_bytes", "line_too_long")
_LEFT_OUT = ("no_records",)


def read_file(path: Path, contract: Contract, out_dir: Path, limits: Limits | None = None) -> ReadResult:
    """Read one file of any format and encoding into `out_dir`, which must be private."""
    limits = limits or Limits()
    facts = Facts()
    stem = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    out, inner = out_dir / f"{stem}.csv", out_dir / f"{stem}.unpacked"
    try:
        _read(path, contract, out, inner, limits, facts)
        facts.disguised = _is_disguised(path.suffix.lower(), facts.format)
        return ReadResult(ok=True, csv=out, **_shared(facts))
    except Refused as refused:
        code, numbers = refused.code, refused.numbers
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        out.unlink(missing_ok=True)
        raise
    except BaseException:  # also a panic of the workbook reader, which is no Exception
        code, numbers = "unreadable", {}
    finally:
        for left in inner.parent.glob(f"{inner.name}*"):
            left.unlink(missing_ok=True)
    out.unlink(missing_ok=True)
    return ReadResult(ok=False, problem=problem(code, path.name, **numbers), **_shared(facts))


def _shared(facts: Facts) -> dict[str, Any]:
    return {**vars(facts), "ragged": tuple(facts.ragged), "notes": tuple(facts.notes)}


def _read(path: Path, contract: Contract, out: Path, inner: Path, limits: Limits, facts: Facts) -> None:
    kind = sniff.container(path)
    if kind != "zip":
        _read_plain(path, kind, contract, out, limits, facts)
        return
    try:
        _read_members(archive.unpack(path, inner, limits), contract, out, limits, facts)
    finally:
        facts.format = "zip"


def _read_members(
    members: list[tuple[Path, str]], contract: Contract, out: Path, limits: Limits, facts: Facts
) -> None:
    """Read the files of a zip: those with data are joined; letters, pictures and empty forms are left out and noted."""
    parts: list[tuple[Path, Facts]] = []
    refusal = Refused("zip_empty")
    for number, (inner, suffix) in enumerate(members, 1):
        part, copy = Facts(), inner.with_name(f"{inner.name}.csv")
        try:
            kind = sniff.container(inner)
            if kind == "zip":
                raise Refused("zip_unsafe")
            _read_plain(inner, kind, contract, copy, limits, part)
            parts.append((copy, part))
            facts.notes += part.notes
        except Refused as refused:
            # A table that cannot be read must not be lost among others; what is no table is no loss.
            if refused.code not in _LEFT_OUT and (refused.code not in _NO_TABLE or suffix in _TABLES):
                raise
            refusal = refused if len(members) == 1 or refused.code == "no_records" else refusal
            facts.notes.append(("file_left_out", number, 0))
            if refused.code == "no_records":
                facts.header = part.header
    if not parts:
        raise refusal
    if len(parts) == 1:
        notes = facts.notes
        vars(facts).update(vars(parts[0][1]), notes=notes)
        parts[0][0].replace(out)
        return
    facts.notes += [("files_joined", n, p.n_records) for n, (_, p) in enumerate(parts, 1)]
    join(parts, out, facts, "zip_mixed")


def _is_disguised(suffix: str, kind: str) -> bool:
    """Does the name of a file promise another format than its content has?"""
    promised = {
        ".csv": ("csv", "tsv"),
        ".txt": ("csv", "tsv"),
        ".tsv": ("tsv",),
        ".xls": ("xls",),
        ".xlsx": ("xlsx",),
    }
    return bool(kind) and kind not in promised.get(suffix, (kind,))


def _read_plain(path: Path, kind: str, contract: Contract, out: Path, limits: Limits, facts: Facts) -> None:
    if kind in ("xls", "xlsx"):
        from warehouse.reading import workbook

        workbook.read(path, kind, contract, out, limits, facts)
        return
    start, name, mark = decode.head(path)
    try:
        _read_text(path, start, name, mark, contract, out, limits, facts)
    except decode.NotUtf8:
        fresh = Facts(format=facts.format)
        vars(facts).update(vars(fresh))
        _read_text(path, start, "gb18030", 0, contract, out, limits, facts)


def _read_text(
    path: Path,
    start: bytes,
    name: str,
    mark: int,
    contract: Contract,
    out: Path,
    limits: Limits,
    facts: Facts,
) -> None:
    head = start[mark:].replace(b"\0", b"") if name.startswith("utf-16") else start[mark:]
    source = decode.blocks(path, name, mark, facts)
    if sniff.is_markup(head):
        from warehouse.reading import html

        html.read(source, contract, out, limits, facts)
    else:
        from warehouse.reading import text

        text.read(source, contract, out, limits, facts)


def _work(job: Job, limits: Limits) -> ReadResult:
    path, source, out_dir = job
    return read_file(path, extract_contract(source), out_dir, limits)


def _lost(job: Job) -> ReadResult:
    return ReadResult(ok=False, problem=problem("unreadable", job[0].name))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def read_many(
    jobs: Sequence[Job],
    limits: Limits | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[int, ReadResult]]:
    """Read many files in parallel; yields (position in jobs, result) as they finish, largest first.

    A worker that dies costs only its own file: the others are read again, each in a process of its own.
    """
    limits = limits or Limits()
    order = sorted(range(len(jobs)), key=lambda i: -_size(jobs[i][0]))
    results = (
        _inline(jobs, order, limits)
        if workers <= 1 or len(jobs) <= 1
        else _pool(jobs, order, limits, workers)
    )
    for done, (index, result) in enumerate(results, 1):
        if progress:
            progress(done, len(jobs))
        yield index, result


def _inline(jobs: Sequence[Job], order: list[int], limits: Limits) -> Iterator[tuple[int, ReadResult]]:
    for index in order:
        yield index, _work(jobs[index], limits)


def _pool(
    jobs: Sequence[Job], order: list[int], limits: Limits, workers: int
) -> Iterator[tuple[int, ReadResult]]:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")
    again: list[int] = []
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context)
    try:
        futures = {}
        for index in order:
            try:
                futures[pool.submit(_work, jobs[index], limits)] = index
            except BrokenProcessPool:
                again.append(index)
        for future in as_completed(futures):
            try:
                result = future.result()
            except BrokenProcessPool:
                again.append(futures[future])
                continue
            yield futures[future], result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    for index in again:
        with ProcessPoolExecutor(1, mp_context=context) as single:
            try:
                result = single.submit(_work, jobs[index], limits).result()
            except BrokenProcessPool:
                result = _lost(jobs[index])
        yield index, result
