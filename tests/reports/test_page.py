"""The page of a sweep, in a real browser, of synthetic runs whose numbers are known."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import browser
import pandas as pd
import pytest
from made_up_study import FOUR, ask, fid_of, folder_of, grid, land, scores

from bench.runs.failures import Failure
from bench.runs.folder import RunFolder
from benchmarks import fake_results
from reports.build import build
from reports.tables.table import decimals
from reports.verdicts.cells import interval_text, number

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NOISES = [0, 0.5, 1]
HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of four architectures; one run failed, one never began, one caption is hostile."""
    folder = tmp_path_factory.mktemp("page")
    points = grid(FOUR, NOISES, 2)
    for point in points[:-2]:
        land(folder / "runs", *point, scores(*point))
        run = RunFolder(folder_of(folder / "runs", *point))
        for step in range(10, 110, 10):
            run.append_metrics({"step": step, "loss": 1 / step, "loss_text": float("nan") if step == 50 else 0.5})
    RunFolder(folder_of(folder / "runs", *points[-1])).fail(
        Failure("non-finite loss", f"loss is nan {HOSTILE}", "Traceback"))  # fmt: skip
    landed = folder / "runs" / "dual_tower-0000000000" / "evals" / "e0" / "step-100"
    captions = landed / "i2t" / "captions.jsonl"
    hostile = {"id": "test-0", "caption": HOSTILE, "references": [HOSTILE]}
    captions.write_text(
        json.dumps(hostile) + "\n" + captions.read_text(encoding="utf-8").partition("\n")[2], encoding="utf-8"
    )
    fake_results.reseal(landed)
    made = ask(folder / "results" / "noise", points)
    assert made / "report.html" in build(made)
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.running() as one:
        yield one


@pytest.fixture
def page(results: Path, chromium: Browser) -> Iterator[Page]:
    """The page from disk; whatever it says on the console or asks for fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened, said, asked = context.new_page(), [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto((results / "report.html").as_uri())
    drawn = "chart => !chart.offsetWidth || chart.querySelector('svg')"
    for _ in range(600):  # asked anew each time: a predicate that waits inside the page is eval, which the page forbids
        if opened.evaluate(f"[...document.querySelectorAll('.chart')].every({drawn})"):
            break
        opened.wait_for_timeout(50)
    else:
        pytest.fail("not every chart was drawn within half a minute")
    yield opened
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [(results / "report.html").as_uri()]
    assert opened.evaluate("window.hacked") is None
    context.close()


def shown(page: Page) -> list[list[str]]:
    """The exact values of the table of runs, as it stands."""
    script = "rows => rows.filter(r => !r.hidden).map(r => [...r.cells].map(c => c.dataset.exact))"
    return page.eval_on_selector_all("#records tbody tr", script)


def column(page: Page, key: str) -> int:
    return page.evaluate("key => document.querySelector(`#records th[data-key='${key}']`).cellIndex", key)


def test_every_chart_is_drawn_when_it_comes_into_sight(page: Page) -> None:
    for chart in page.query_selector_all(".chart"):
        if chart.is_visible():
            chart.scroll_into_view_if_needed()
            chart.wait_for_selector("svg")
    assert page.locator("#figures .chart svg").count() == 4
    page.locator("select[data-shows=cost]").select_option("cider")
    page.locator("[data-item=cider] .chart").first.scroll_into_view_if_needed()
    page.wait_for_selector("[data-item=cider] svg")
    assert page.locator("[data-item=fid] .chart").first.is_hidden()


def test_hover_says_value_n_and_seeds(page: Page) -> None:
    page.locator("#metric-0").scroll_into_view_if_needed()
    page.locator("#metric-0 svg .mark-symbol path").last.hover()
    tip = page.locator("#vg-tooltip-element")
    tip.wait_for(state="visible")
    said = dict(zip(tip.locator("td.key").all_inner_texts(), tip.locator("td.value").all_inner_texts(), strict=True))
    assert said["N"] == "512" and said["seeds"] in ("0", "0 1") and float(said["mean"]) > 10
    assert said["architecture"] in [name.replace("_", " ") for name in FOUR] and said["noise cap on I2T images"]


def test_a_learning_curve_says_whose_it_is_and_stands_out(page: Page) -> None:
    chart = page.locator("#curve-loss")
    chart.scroll_into_view_if_needed()
    chart.locator("svg").wait_for()
    box = chart.locator(".mark-symbol path").last.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    said = dict(zip(tip.locator("td.key").all_inner_texts(), tip.locator("td.value").all_inner_texts(), strict=True))
    assert said["architecture"] in [name.replace("_", " ") for name in FOUR] and said["seed"] in ("0", "1")
    assert float(said["loss"]) == pytest.approx(1 / int(said["step"]), rel=1e-3)
    faint = chart.locator(".mark-line path[stroke-opacity='0.1'], .mark-line path[opacity='0.1']")
    faint.first.wait_for(state="attached")
    assert 0 < faint.count() < chart.locator(".mark-line path").count()


def test_means_are_those_of_table_csv(page: Page, results: Path) -> None:
    table = pd.read_csv(results / "table.csv").set_index(["metric", "architecture", "i2t_noise"])
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    rows = page.eval_on_selector_all(".means tbody tr", read)
    assert len(rows) == 12
    order = ["fid", "clip_score", "cider", "caption_attributes", "exam"]
    for noise, architecture, _, *cells in rows:
        for metric, cell in zip(order, cells, strict=True):
            key = (metric, architecture.replace(" ", "_"), float(noise.rstrip(" %")) / 100)
            if key not in table.index:
                assert cell == "–"
                continue
            places = decimals(table.loc[metric]["mean"])
            assert cell.splitlines()[0].partition(" ± ")[0] == f"{table.loc[key, 'mean']:.{places}f}"


def test_the_table_of_runs_holds_runs_csv_exactly(page: Page, results: Path) -> None:
    with (results / "runs.csv").open() as file:
        stored = list(csv.DictReader(file))
    place = column(page, "fid")
    assert [row[place] for row in shown(page)] == [row["fid"] for row in stored]


def test_sorting_by_keyboard_and_back(page: Page) -> None:
    place, head = column(page, "fid"), page.locator("#records th[data-key=fid]")
    done = sorted(fid_of(*point) for point in grid(FOUR, NOISES, 2)[:-2])
    for direction, expected in (("ascending", done), ("descending", done[::-1])):
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == direction
        assert [row[place] for row in shown(page)] == [*map(repr, expected), "", ""]  # missing ones last
    page.locator("#records th[data-key=seed] button").press("Space")
    assert head.get_attribute("aria-sort") == "none" and shown(page)[0][column(page, "seed")] == "0"


def test_filters_and_search_narrow_together(page: Page) -> None:
    page.locator(f"#filters select[data-column='{column(page, 'architecture')}']").select_option("gated layer")
    assert len(shown(page)) == 6 and page.locator("#count").inner_text() == "6 of 24 runs"
    page.locator(f"#filters select[data-column='{column(page, 'status')}']").select_option("failed")
    assert [row[column(page, "run_id")] for row in shown(page)] == ["gated_layer-1000000100"]
    page.get_by_role("button", name="Show all").click()
    page.get_by_text("24 of 24 runs").wait_for()
    page.locator("#filters input").fill("DUAL_TOWER-0")
    assert len(shown(page)) == 3


def test_samples_are_picked_by_item_axis_and_seed(page: Page) -> None:
    visible = page.locator(".gallery tbody tr:visible")
    assert visible.count() == 3 and page.locator("#samples article:visible").count() == 1
    assert HOSTILE in page.locator("#samples article:visible").inner_text()
    assert page.locator("#samples article:visible .asked img").evaluate("real => real.naturalWidth") == 32
    page.get_by_label("Next item").press("Enter")
    assert "a large red star 1" in page.locator("#samples article:visible .asked").inner_text()
    assert "dual_tower saw | 1" in visible.first.inner_text()
    page.locator("select[data-row=at]").select_option("50 %")
    assert visible.count() == 1
    page.locator("select[data-row=seed]").select_option("")
    assert visible.count() == 2
    page.get_by_label("Previous item").click()
    page.get_by_label("Previous item").click()
    assert "a large red star 8" in page.locator("#samples article:visible .asked").inner_text()
    assert page.evaluate("[...document.querySelectorAll('.gallery img')].every(i => i.src.startsWith('data:'))")


def test_runs_that_are_not_done_are_listed_and_in_no_mean(page: Page) -> None:
    listed = page.locator(".absent li").all_inner_texts()
    assert len(listed) == 2 and any("non-finite loss" in text and HOSTILE in text for text in listed)
    assert any(text.startswith("pending") for text in listed)
    rows = page.eval_on_selector_all(".means tbody tr", "rows => rows.map(row => row.cells[2].innerText)")
    assert rows.count("1 of 2") == 2 and rows.count("2") == 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only(page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.locator("#metric-0").scroll_into_view_if_needed()
    page.wait_for_selector("#metric-0 svg")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    style = "getComputedStyle(document.body)"
    ink, paper = page.evaluate(f"[{style}.color, {style}.backgroundColor]")
    assert (sum(map(int, ink[4:-1].split(","))) > sum(map(int, paper[4:-1].split(",")))) == (scheme == "dark")


def test_verdicts_come_first_with_effect_interval_and_smallest_detectable(
    results: Path, chromium: Browser, tmp_path: Path
) -> None:
    claims = tmp_path / "claims.yaml"
    claims.write_text(json.dumps({
        "text": f"clean images help {HOSTILE}", "sweep": "noise", "where": {"train.i2t_noise": 0},
        "comparisons": [{"runs": {"model.architecture": "dual_tower"}, "are": "better", "metrics": ["fid"],
                         "than": [{"model.architecture": "gated_layer"}]}]}), encoding="utf-8")  # fmt: skip
    try:
        build(results, claims)
        judged = json.loads((results / "verdicts.json").read_text(encoding="utf-8"))["verdicts"][-1]["comparisons"][0]
        opened = chromium.new_page()
        opened.goto((results / "report.html").as_uri())
        first = opened.locator("main > section").first
        card = first.locator(".verdict", has_text=HOSTILE).inner_text()
    finally:
        build(results)
    assert judged["outcome"] in card.lower()
    numbers = [number(judged["effect"]), interval_text(judged["interval"]), number(judged["smallest_detectable"])]
    assert all(text in card for text in numbers) and "scale not comparable" in card


def test_winners_are_those_of_the_means_with_their_lead(page: Page) -> None:
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    fid, *_ = page.eval_on_selector_all("#winners .winners tbody tr", read)
    for noise, cell in zip(NOISES, fid[1:], strict=True):
        points = grid(FOUR, NOISES, 2)[:-2]
        values = {name: [fid_of(*p) for p in points if p[:2] == (name, noise)] for name in FOUR}
        means = {name: sum(mine) / len(mine) for name, mine in values.items()}
        if {len(mine) for mine in values.values()} != {2}:
            assert "not ranked" in cell
            continue
        best, second = sorted(means, key=means.__getitem__)[:2]
        assert best.replace("_", " ") in cell and f"over {second.replace('_', ' ')}" in cell
        assert f"by {number(means[second] - means[best])} " in cell and "over 2 seeds" in cell


def test_what_the_axis_did_is_each_architecture_against_itself(page: Page) -> None:
    """CIDEr falls by 4 from clean to noisy in every pair; gated layer's last runs are missing."""
    read = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
    mine = "#axis table.winners"
    cells = page.eval_on_selector_all(f"{mine} tbody tr", read)
    rows = {row[0].split("\N{NO-BREAK SPACE}")[0]: row[1:] for row in cells}
    names = page.eval_on_selector_all(f"{mine} thead th", "heads => heads.map(head => head.innerText.trim())")[1:]
    assert names == [name.replace("_", " ") for name in FOUR]
    for cell in rows["CIDEr"][:3]:
        assert "6.10 → 2.10" in cell and "worse by 4.00" in cell
    assert all("equal" in cell for cell in rows["exact-match QA"][:3])
    for name, cell in zip(FOUR[:3], rows["FID"], strict=False):
        ends = [fid_of(name, noise, 0.5) for noise in (0, 1)]
        assert f"{ends[0]:.1f} → {ends[1]:.1f}" in cell and "worse by 8.00" in cell
    over = page.eval_on_selector_all("#axis table.effects tbody tr", read)
    assert [row[1] for row in over if row[0] == "CIDEr"] == ["last against first", "trend"]
    (change,) = (row for row in over if row[:2] == ["CIDEr", "last against first"])
    assert change[3] == "-4.00" and change[6] == "worse"


def test_on_paper_nothing_is_cut(page: Page) -> None:
    page.set_viewport_size({"width": 1030, "height": 700})  # A4 on its side, less the margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1030
    cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX != 'visible')"
    assert page.eval_on_selector_all("main section:not(#provenance) *", f"all => ({cut})(all).length") == 0
    assert page.locator(".verdict table, .verdict .notes").first.is_visible()
