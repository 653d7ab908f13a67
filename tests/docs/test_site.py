"""The documentation site: it builds without a warning, leads nowhere that is not there, and leaves nothing out."""

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

import gymnasium
import pytest
import yaml
from typer.testing import CliRunner

import tts_gym
from tts_gym.cli.app import app

pytest.importorskip("material", reason="the site needs the extra docs")

ROOT = Path(__file__).parents[2]
SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
SECTIONS = (
    *("Description", "Action Space", "Observation Space", "Rewards", "Starting State", "Episode End"),
    *("Arguments", "Vectorized environment", "Version History"),
)


def build(*arguments: str | Path, folder: Path = ROOT) -> tuple[int, str]:
    """Exit status of a build, and what it warns of."""
    command = [sys.executable, "-m", "mkdocs", "build", *arguments]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    said = (line for line in done.stderr.splitlines() if line and not line.startswith("INFO"))
    return done.returncode, "\n".join(said)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    assert build("--site-dir", out) == (0, "")
    return out


@pytest.fixture
def served(site):
    """The address of a server of the site."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


class Links(HTMLParser):
    """What a page leads to, what it loads, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.led, self.loaded, self.anchors = [], [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.led.append(given["href"])
        elif "src" in given or (tag == "link" and given.get("rel") != "canonical"):
            self.loaded.append(given.get("src") or given["href"])


def broken(page: Path, links: dict[Path, Links]) -> Iterator[str]:
    """The links of a page that lead to nothing in the site."""
    for link in (*links[page].led, *links[page].loaded):
        address = urlsplit(link)
        if address.scheme or address.netloc:
            continue
        target = (page.parent / unquote(address.path)).resolve() if address.path else page
        known = links[target].anchors if target in links else set()
        if not target.exists() or (address.fragment and target in links and unquote(address.fragment) not in known):
            yield f"{page.name}: {link}"


@pytest.mark.slow
def test_links_hold_and_nothing_is_asked_of_another_host(site):
    pages = [page for page in site.resolve().rglob("*.html") if page.name != "404.html"]
    links = {page: Links(page) for page in pages}
    assert [found for page in pages for found in broken(page, links)] == []
    assert [link for each in links.values() for link in each.loaded if urlsplit(link).netloc] == []


@pytest.mark.slow
def test_every_program_has_a_page_that_tells_of_its_parameters(site):
    for name in tts_gym.PROGRAMS.shipped:
        page = (site / "programs" / f"{name}.html").read_text()
        table = page.partition('id="parameters"')[2].partition("<h2")[0]
        assert re.findall(r"<td><code>(\w+)</code>", table) == list(tts_gym.PROGRAMS[name].parameters)
        assert f'src="{quote(name)}.png"' in page and (site / "programs" / f"{name}.png").is_file()
        assert f'href="{quote(name)}.html"' in (site / "programs" / "index.html").read_text()


@pytest.mark.slow
def test_the_commands_on_the_pages_of_programs_run(site):
    pages = "".join(page.read_text() for page in (site / "programs").glob("*.html"))
    blocks = re.findall(r'class="language-bash highlight">.*?<code[^>]*>(.*?)</code>', pages, re.DOTALL)
    commands = {html.unescape(re.sub("<[^>]+>", "", block)).strip() for block in blocks}
    assert len(commands) > len(tts_gym.PROGRAMS.shipped)
    for command in commands:
        name, *arguments = shlex.split(command)
        assert (name, CliRunner().invoke(app, arguments).exit_code) == ("tts-gym", 0), command


@pytest.mark.slow
def test_every_environment_has_a_page_with_gymnasiums_sections(site):
    pages = [page.read_text() for page in (site / "environments").glob("*.html")]
    names = {spec.name for spec in gymnasium.registry.values() if spec.name.startswith("TTS")}
    for name in names:
        versions = sorted(spec.version for spec in gymnasium.registry.values() if spec.name == name)
        (page,) = (page for page in pages if re.search(rf"<h1[^>]*>{name}-v{versions[-1]}<", page))
        assert tuple(re.findall(r"<h2[^>]*>([\w ]+)<", page)) == SECTIONS
        history = page.partition('id="version-history"')[2]
        assert sorted(map(int, re.findall(r"<li>(?:<p>)?v(\d+):", history))) == versions


@pytest.mark.slow
def test_every_command_is_in_the_reference(site):
    page = (site / "reference" / "commands.html").read_text()
    for command in app.registered_commands:
        assert f">tts-gym {command.callback.__name__}<" in page


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium (Debian: apt-get install chromium)")
def test_the_search_finds_pages(site, served):
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        asked = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
        page.goto(f"http://{served}/index.html")
        page.fill("[name=query]", "TTSWidthDepthRounds-v1")
        page.wait_for_selector(".md-search-result__item")
        assert "environments/rounds.html" in page.locator(".md-search-result__list").inner_html()
        assert set(asked) == {served}


@pytest.fixture
def small(tmp_path):
    """A site of one page, which takes in what its page links to."""

    def write(page: str) -> tuple[int, str]:
        (tmp_path / "docs").mkdir()
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "figures.json").write_text("[1]")
        (tmp_path / "results" / "report.md").write_text("# Report\n\n[Figures](figures.json)\n")
        (tmp_path / "docs" / "index.md").write_text(page)
        hook = str(ROOT / "docs" / "hooks" / "repository_files.py")
        settings = {"site_name": "small", "theme": "mkdocs", "plugins": [], "hooks": [hook]}
        settings |= {name: SETTINGS[name] for name in ("strict", "validation")}
        (tmp_path / "mkdocs.yml").write_text(json.dumps(settings))
        return build(folder=tmp_path)

    return write


def test_files_that_a_page_links_to_are_in_the_site(small, tmp_path):
    assert small("# Page\n\n[Figures](../results/figures.json) and [report](../results/report.md#report)\n") == (0, "")
    assert 'href="repository/results/figures.json"' in (tmp_path / "site" / "index.html").read_text()
    assert (tmp_path / "site" / "repository" / "results" / "figures.json").read_text() == "[1]"


@pytest.mark.parametrize("link", ["../results/nothing.json", "../../etc/hostname", "../results/report.md#nowhere"])
def test_a_link_to_nothing_ends_the_build(small, link):
    status, said = small(f"# Page\n\n[Figures]({link})\n")
    assert status == 1 and link in said
