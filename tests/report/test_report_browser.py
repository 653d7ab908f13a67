"""A report in a real browser, opened from disk. Pictures of what it looks like are kept in pytest's folder."""

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from evaluations import HOSTILE, evaluated, solved

from tts_gym.agents.specs import zoo_on
from tts_gym.datasets import load_store
from tts_gym.report.build import write_report

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (Debian: apt-get install chromium)")

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Open a file; the page must say nothing on its console and ask for nothing but itself."""
    opened, said, asked = [], [], []

    def open_(file: Path, link="", width=1400, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(page)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri() + link)
        page.wait_for_selector("html[data-ready=yes]")
        return page

    yield open_
    for page in opened:
        page.close()
    assert said == []
    assert {url.partition("#")[0].partition(":")[0] for url in asked} == {"file"} and len(asked) == len(opened)


def table(page, section):
    rows = page.locator(f"#{section} tbody tr").all()
    return [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]


def picture(page, place=0):
    """The pixels of a picture, as a text to compare."""
    return page.locator("canvas[role=img][aria-label^=Width]").nth(place).evaluate("canvas => canvas.toDataURL()")


def test_the_slider_replays_an_episode(visit, report_file):
    page = visit(report_file)
    page.locator("#first").select_option("cmc")
    sync_api.expect(page.locator("#stage h4").first).to_have_text(re.compile("^cmc "))
    slider = page.locator("#step")
    last = int(slider.get_attribute("max"))
    pictures, spent = [], []
    for step in (0, 1, last // 2, last):
        slider.fill(str(step))
        assert f"step {step} of {last}" in page.locator(".bar output").inner_text()
        pictures.append(picture(page))
        spent.append(int(page.locator(".told").inner_text().split(" tokens")[0].split()[-1].replace(",", "")))
    assert len(set(pictures)) == 4
    assert spent[0] == 0 and sorted(spent) == spent and spent[-1] > 0
    slider.press("ArrowLeft")
    assert f"step {last - 1} of" in page.locator(".bar output").inner_text()
    page.locator("h2", has_text="Episode explorer").click()
    page.keyboard.press("ArrowLeft")
    assert f"step {last - 2} of" in page.locator(".bar output").inner_text()
    assert f"step={last - 2}" in page.url


def test_two_controllers_stand_side_by_side(visit, report_file):
    page = visit(report_file)
    page.locator("#first").select_option("single")
    page.locator("#second").select_option("parallel-probe")
    page.wait_for_selector("#stage.two")
    names = [head.inner_text().split()[0] for head in page.locator("#stage h4").all()]
    assert names == ["single", "parallel-probe"]
    assert picture(page, 0) != picture(page, 1)
    page.locator("#second").select_option("")
    page.wait_for_selector("#stage:not(.two)")


def test_a_link_leads_to_a_step_of_a_case(visit, report_file):
    page = visit(report_file)
    page.locator("#first").select_option("cmc")
    page.locator("#second").select_option("esc")
    page.wait_for_selector("#stage.two")
    page.locator("#cases button").nth(4).click()
    page.wait_for_selector("#cases li:nth-child(5) button[aria-current=true]")
    page.locator("#step").fill("3")
    link = "#" + page.url.partition("#")[2]
    assert all(f"{name}=" in link for name in ("q", "seed", "c", "vs", "step"))
    told = page.locator("#stage").inner_text()
    there = visit(report_file, link)
    there.wait_for_selector("#stage.two")
    assert there.locator("#stage").inner_text() == told
    assert there.locator("#case").inner_text() == page.locator("#case").inner_text()
    nowhere = visit(report_file, "#q=no-such-question")
    assert "no-such-question is not in this file" in nowhere.locator("#case").inner_text()


def test_cases_are_searched_and_filtered(visit, report_file):
    page = visit(report_file)
    page.locator("#first").select_option("single")
    everything = page.locator("#cases li").count()
    assert everything == 60
    page.locator("#wrong").check()
    wrong = page.locator("#cases li")
    assert 0 < wrong.count() < everything
    assert all(text.startswith("✗") for text in wrong.all_inner_texts())
    page.locator("#early").check()
    assert page.locator("#cases li").count() < everything
    page.locator("#early").uncheck()
    page.locator("#wrong").uncheck()
    page.locator("#above").fill("100000000")
    assert page.locator("#cases li").count() == 0
    page.locator("#above").fill("")
    page.locator("#search").fill("synthetic")
    assert 0 < page.locator("#cases li").count() < everything
    assert "of 60 cases" in page.locator("#finder").inner_text()


def test_tables_sort_and_follow_the_choice_of_questions(visit, report_file):
    page = visit(report_file)
    names = [row[0] for row in table(page, "results")]
    page.locator("#results th button", has_text="controller").click()
    assert [row[0] for row in table(page, "results")] == sorted(names)
    page.locator("#results th button", has_text="tokens").first.click()
    tokens = [int(row[3].replace(",", "")) for row in table(page, "results")]
    assert tokens == sorted(tokens) and tokens[0] < tokens[-1]
    assert page.locator("#results th[aria-sort=ascending]").inner_text() == "tokens"
    page.locator("#scope").select_option(label="synthetic-small (synthetic)")
    assert tokens != sorted(int(row[3].replace(",", "")) for row in table(page, "results"))
    page.locator("#against").select_option("single")
    assert "single" not in [row[0] for row in table(page, "pairs")]


def test_charts_tell_of_a_controller_and_a_cell_opens_the_explorer(visit, report_file):
    page = visit(report_file)
    page.locator("#charts .mark-symbol path[aria-label*=cmc]").first.hover()
    assert "beta = " in page.locator("#tip").inner_text()
    page.locator("#theme").click()
    sync_api.expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    cells = page.locator("#questions canvas")
    cells.hover(position={"x": 700, "y": 30})
    sync_api.expect(page.locator("#tip")).to_contain_text("Click to explore")
    question = page.locator("#tip").inner_text().split("question ")[1].splitlines()[0]
    cells.click(position={"x": 700, "y": 30})
    sync_api.expect(page.locator("#case")).to_contain_text(question)


def test_a_case_is_copied_as_json(visit, report_file):
    page = visit(report_file)
    page.evaluate(
        "() => { window.copied = new Promise((tell) => {"
        "navigator.clipboard.writeText = async (text) => tell(text); }); }"
    )
    page.get_by_role("button", name="Copy this case").click()
    found = page.evaluate("window.copied.then(JSON.parse)")
    assert {"store", "question", "seed", "text", "gold", "branches", "episodes"} <= set(found)
    assert page.locator("#case p.question").inner_text() == found["text"].strip()


def test_hostile_text_stays_text(visit, hostile):
    file = hostile.with_name("report.html")
    write_report([hostile], file, "all", "tts-gym report " + HOSTILE[0])
    page = visit(file)
    shown = ""
    for controller in page.locator("#first option").all_inner_texts():
        page.locator("#first").select_option(controller)
        for case in page.locator("#cases button").all():
            case.click()
            page.wait_for_selector("#stage h4")
            shown += page.locator("#case").inner_text()
    page.locator("#charts .mark-symbol path").first.hover()
    assert page.locator("body img, body b, body script:not(:nth-last-child(-n+3))").count() == 0
    assert HOSTILE[0] in shown and HOSTILE[1] in shown
    assert HOSTILE[3] in page.locator("#results").inner_text()


def test_a_discovery_shows_sources_and_what_changed(visit, tmp_path):
    packed = Path(__file__).parents[2] / "benchmarks" / "results" / "discovery" / "manual.tar.xz"
    write_report([packed], tmp_path / "report.html", "all", "tts-gym report …")
    page = visit(tmp_path / "report.html")
    assert page.locator("nav a").all_inner_texts() == ["Discovery", "How it was made"]
    page.locator("#discoveries tbody button", has_text="r05-1").click()
    detail = page.locator(".candidate")
    assert detail.locator("h3").inner_text() == "r05-1"
    assert detail.locator(".added").count() > 0 and detail.locator(".removed").count() > 0
    detail.get_by_text("Source", exact=True).click()
    assert "def program(episode" in detail.inner_text()


def test_live_runs_have_seconds_and_their_own_branches(visit, tmp_path):
    for name, spec in {"narrow": "sc:n=2", "wide": "sc:n=6"}.items():
        solved(tmp_path / f"{name}.jsonl", spec, tmp_path / name)
    hostile = json.loads((tmp_path / "wide" / "answers.jsonl").read_text().splitlines()[0]) | {"answer": HOSTILE[0]}
    with (tmp_path / "wide" / "answers.jsonl").open("a") as file:
        file.write(json.dumps(hostile) + "\n")
    write_report([tmp_path / "narrow", tmp_path / "wide"], tmp_path / "report.html", "all", "tts-gym report …")
    page = visit(tmp_path / "report.html")
    assert page.locator("#charts .chart").count() == 3
    assert "seconds" in page.locator("#results thead").inner_text()
    page.locator("#cost").select_option("seconds")
    assert "seconds for the same accuracy" in page.locator("#saved thead").inner_text()
    pictures = []
    for controller, run in {"sc:n=2": "narrow", "sc:n=6": "wide"}.items():
        page.locator("#first").select_option(controller)
        sync_api.expect(page.locator("#stage h4").first).to_have_text(re.compile(f"^{re.escape(controller)} "))
        assert f"live, {run}" in page.locator("#case h3").inner_text()
        assert page.locator("#cases li").count() == 4
        pictures.append(picture(page))
    assert pictures[0] != pictures[1]
    assert HOSTILE[0] in page.locator("#cases").inner_text()
    assert "live run" in page.locator("#made").inner_text()


def test_an_upper_bound_alone_has_a_report(visit, store_file, tmp_path):
    write_report([evaluated(tmp_path / "run", [store_file], ["oracle"])], tmp_path / "report.html", "all", "tts-gym …")
    page = visit(tmp_path / "report.html")
    assert [row[0] for row in table(page, "results")] == ["oracle (upper bound)"]


STEPS = """() => {
    const slider = document.querySelector("#step");
    return Array.from({ length: Number(slider.max) + 1 }, (_, step) => {
        const begun = performance.now();
        slider.value = step;
        slider.dispatchEvent(new Event("input"));
        return performance.now() - begun;
    });
}"""
"""Goes to every step of the episode that is shown; milliseconds of each."""


def test_a_large_case_opens_and_steps(visit, tmp_path):
    """64 branches of 80 intervals, beside each other; the bounds are many times what an idle machine needs.

    What it took is kept in ``figures.json``.
    """
    answers = [[str((branch * k) % 9) for k in range(1, 81)] for branch in range(64)]
    branches = [[each, 8050, str(branch % 5)] for branch, each in enumerate(answers)]
    store = tmp_path / "model" / "large.json"
    store.parent.mkdir()
    question = {"question": "Which?", "gold_answer": "3", "probe_freq": 100, "each_branch": branches}
    store.write_text(json.dumps([question]))
    run = evaluated(tmp_path / "run", [store], ["sc", "parallel-probe:stable_for=90,patience=90"])
    write_report([run], tmp_path / "report.html", "all", "tts-gym report …")
    check_quick(visit, tmp_path, "sc", "parallel-probe:stable_for=90,patience=90")


def check_quick(visit, folder, first, second):
    """Open a report and step through a case of two controllers; bounds are many times what an idle machine needs."""
    begun = time.monotonic()
    page = visit(folder / "report.html")
    opened = time.monotonic() - begun
    page.locator("#first").select_option(first)
    page.locator("#second").select_option(second)
    page.wait_for_selector("#stage.two")
    lags = page.evaluate(STEPS)
    median = sorted(lags)[len(lags) // 2]
    figures = {"seconds_to_open": opened, "milliseconds_a_step": {"median": median, "most": max(lags)}}
    (folder / "figures.json").write_text(json.dumps(figures))
    assert len(lags) > 80
    assert opened < 20
    assert median < 500


@pytest.mark.slow
def test_the_report_of_all_programs_on_aime24_is_small_and_quick(visit, shared_data, tmp_path):
    """Seeds count for nothing in the size of the file. What it took is kept in ``figures.json``."""
    stores = sorted(shared_data.glob("autotts/*/aime24.json"))
    programs = [each.name for each in zoo_on(load_store(stores[0]))[0]]
    assert len(stores) == 4 and len(programs) > 10
    run = evaluated(tmp_path / "run", stores, programs)
    file = tmp_path / "report.html"
    write_report([run], file, "worst:50", "tts-gym report …")
    assert file.stat().st_size < 8_000_000
    check_quick(visit, tmp_path, "parallel-probe", "cmc")


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (400, "light"), (400, "dark")])
def test_it_fits_the_window(visit, report_file, tmp_path, width, scheme):
    page = visit(report_file, width=width, scheme=scheme)
    page.screenshot(path=tmp_path / f"report-{width}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
