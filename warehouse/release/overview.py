"""All releases ever published, as one list for people and programs."""

from __future__ import annotations

from typing import Any

from warehouse.config import Settings
from warehouse.release import files, pointer
from warehouse.release.retire import holds

_ZH = {
    "current": "当前",
    "published": "有效",
    "rolled back": "回退",
    "withdrawn": "撤回",
    "pruned": "清理",
}


def overview(settings: Settings) -> list[dict[str, Any]]:
    """id, period, state (current, published, rolled back, withdrawn, pruned), bytes, content_hash, note; newest first."""
    current, back, held = pointer.current_id(settings), pointer.rolled_back(settings), holds(settings)
    found = []
    for release in pointer.list_releases(settings):
        state = "current" if release.id == current else "rolled back" if release.id in back else "published"
        size = sum((release.path / n).stat().st_size for n in files.list_files(release.path))
        note = f"保留 held: {held[release.id]}" if release.id in held else ""
        found.append((release.id, release.period, state, size, release.content_hash, note))
    for gone in pointer.retired(settings).values():
        year, month, _ = pointer.id_order(gone.id)
        note = gone.reason + (f" → {gone.successor}" if gone.successor else "")
        found.append((gone.id, f"{year:04d}-{month:02d}", gone.kind, 0, gone.content_hash, note))
    names = ("id", "period", "state", "bytes", "content_hash", "note")
    lines = [dict(zip(names, row, strict=True)) for row in found]
    lines.sort(key=lambda r: pointer.id_order(str(r["id"])), reverse=True)
    return [{**r, "state_zh": _ZH[str(r["state"])]} for r in lines]
