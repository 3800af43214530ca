"""The single tower's step against known libraries' for the same work."""

from __future__ import annotations

from benchmarks.speed.peers import llama, transfusion
from benchmarks.speed.rows import Row, Setting
from benchmarks.speed.shapes import BASE


def rows(setting: Setting) -> list[Row]:
    """One row; a peer that cannot be had leaves its cell empty and says why."""
    median, turns, packed = llama.compare(setting)
    other = transfusion.compare(setting)
    sized = f"{transfusion.PACKAGE}, equal size"
    over = {"LlamaForCausalLM": packed, transfusion.PACKAGE: other.same_width, sized: other.same_parameters}
    name, quantity = setting.shape.name, "step of peers"
    return [Row(name, BASE, quantity, median, "ms", over, turns, facts=other.facts, remarks=(other.remark,))]
