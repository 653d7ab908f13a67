"""Stores on the hub, by its real client, with a small server in the place of the hub."""

import json
import os

import pytest

from hub_server import TOKEN, HubServer, Repository
from tts_gym.datasets import load_store, same_recordings, write_store
from tts_gym.datasets.catalogue import BUNDLED

# The hub's client uploads in a way that its own HTTP library calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

SMALL = "synthetic-small"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with nothing on it, where this process is logged in."""
    constants = pytest.importorskip("huggingface_hub.constants")
    with HubServer() as server:
        settings = {
            "ENDPOINT": server.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_TOKEN_PATH": str(tmp_path / "token"),
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_OFFLINE": False,
        }
        for name, value in settings.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def refuses(run, tmp_path):
    """Check that a call fails with one clear line, exit status 2, and nothing written."""

    def check(*arguments, words):
        before = sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "cache"))
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        line = err.splitlines()[-1]
        assert line.startswith("Error: ") and "Traceback" not in err
        for word in words:
            assert word in line
        assert before == sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "cache"))

    return check


@pytest.fixture
def unlicensed(tmp_path, records, metadata):
    write_store(tmp_path / "unlicensed", records, metadata | {"license": "unknown"})
    return tmp_path / "unlicensed"


def test_what_was_pushed_is_pulled(hub, run, tmp_path):
    status, out, err = run("stores", "push", SMALL, "me/store")
    commit = hub.repositories["me/store"].head
    assert status == 0 and out == f"Pushed {SMALL}: {hub.address}/datasets/me/store/commit/{commit}\n"
    files = {file.name: file.read_bytes() for file in (BUNDLED / SMALL).iterdir() if file.is_file()}
    assert hub.repositories["me/store"].commits[commit] == files | {".gitattributes": b""}
    status, out, err = run("stores", "pull", "me/store", "--out", tmp_path / "pulled")
    assert status == 0 and commit in out
    assert {file.name: file.read_bytes() for file in (tmp_path / "pulled").iterdir()} == files
    assert same_recordings(load_store(tmp_path / "pulled"), load_store(SMALL))


def test_a_store_is_pushed_over_another_in_one_commit(hub, run, tmp_path):
    run("stores", "push", "smollm2-arithmetic", "me/store")
    first = hub.repositories["me/store"].head
    run("stores", "push", SMALL, "me/store")
    repository = hub.repositories["me/store"]
    assert len(repository.commits) == 3 and "texts.parquet" not in repository.commits[repository.head]
    for revision, name in ((first, "smollm2-arithmetic"), ("main", SMALL)):
        assert run("stores", "pull", "me/store", "--out", tmp_path / name, "--revision", revision)[0] == 0
        assert same_recordings(load_store(tmp_path / name), load_store(name))


def test_a_pulled_store_has_the_name_of_the_repository(hub, run, tmp_path, monkeypatch):
    run("stores", "push", SMALL, "me/store")
    monkeypatch.chdir(tmp_path)
    assert run("stores", "pull", "me/store")[1].startswith("Wrote store,")
    assert same_recordings(load_store("store"), load_store(SMALL))


def test_a_licence_has_to_be_known(hub, run, refuses, unlicensed):
    refuses("stores", "push", unlicensed, "me/store", words=["licence", "--license NAME", "--private"])
    assert not hub.repositories
    assert run("stores", "push", unlicensed, "me/store", "--license", "Our terms, v2")[0] == 0
    files = hub.repositories["me/store"].commits[hub.repositories["me/store"].head]
    assert json.loads(files["metadata.json"])["license"] == "Our terms, v2"
    assert 'license: "other"\nlicense_name: "our-terms-v2"' in files["README.md"].decode()
    assert json.loads((unlicensed / "metadata.json").read_text())["license"] == "unknown"


def test_a_licence_that_is_known_is_not_changed_in_passing(refuses):
    refuses("stores", "push", SMALL, "me/store", "--license", "MIT", words=["CC0-1.0", "metadata.json"])


def test_words_of_ones_own_are_published_as_they_are(hub, run, refuses, unlicensed):
    words = "---\nlicense: mit\n---\nOurs.\n"
    (unlicensed / "README.md").write_text(words)
    refuses("stores", "push", unlicensed, "me/store", "--license", "MIT", words=["README.md", "words of its own"])
    assert run("stores", "push", unlicensed, "me/store", "--private")[0] == 0
    assert hub.repositories["me/store"].commits[hub.repositories["me/store"].head]["README.md"] == words.encode()


def test_private_means_private(hub, run, refuses, unlicensed, monkeypatch, tmp_path):
    assert run("stores", "push", unlicensed, "me/mine", "--private")[0] == 0
    assert hub.repositories["me/mine"].private
    run("stores", "push", SMALL, "me/public")
    refuses("stores", "push", unlicensed, "me/public", "--private", words=["me/public", "public"])
    monkeypatch.delenv("HF_TOKEN")
    refuses("stores", "pull", "me/mine", "--out", tmp_path / "out", words=["me/mine", "hf auth login"])


def test_a_dry_run_needs_no_hub(run, unlicensed, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    status, out, err = run("stores", "push", unlicensed, "me/store", "--license", "MIT", "--dry-run")
    assert (status, err) == (0, "")
    for name in ("questions", "branches", "answers"):
        file = unlicensed / f"{name}.parquet"
        assert f"{file.stat().st_size:,} bytes  {file.name}" in out
    assert 'license: "mit"' in out and "me/store" in out


@pytest.mark.parametrize("repo", ["me/none", "me//none", "../none"])
def test_what_is_not_there_is_not_pulled(hub, refuses, tmp_path, repo):
    refuses("stores", "pull", repo, "--out", tmp_path / "out", words=[repo])


def test_what_is_no_store_is_not_pulled(hub, refuses, tmp_path):
    hub.repositories["me/other"] = Repository(private=False)
    refuses("stores", "pull", "me/other", "--out", tmp_path / "out", words=["me/other", "metadata.json"])


def test_a_revision_that_is_not_there_is_said_to_be_missing(hub, run, refuses, tmp_path):
    run("stores", "push", SMALL, "me/store")
    refuses("stores", "pull", "me/store", "--out", tmp_path / "out", "--revision", "v9", words=["no such revision"])


def test_a_damaged_store_is_neither_pushed_nor_pulled(hub, run, refuses, tmp_path, unlicensed):
    run("stores", "push", SMALL, "me/store")
    repository = hub.repositories["me/store"]
    files = repository.commits[repository.head]
    repository.commit(files | {"branches.parquet": files["branches.parquet"][:-1]})
    refuses("stores", "pull", "me/store", "--out", tmp_path / "out", words=["me/store/branches.parquet", "SHA-256"])
    os.truncate(unlicensed / "answers.parquet", 9)
    refuses("stores", "push", unlicensed, "me/other", "--private", words=["answers.parquet", "SHA-256"])
    assert "me/other" not in hub.repositories


def test_without_a_token_nothing_is_pushed(hub, refuses, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    refuses("stores", "push", SMALL, "me/store", words=["me/store", "hf auth login", "HF_TOKEN"])


def test_without_a_connection_nothing_is_moved(hub, refuses, monkeypatch, tmp_path):
    from huggingface_hub import constants

    settings = {"ENDPOINT": ("http://127.0.0.1:9", "connection"), "HF_HUB_OFFLINE": (True, "HF_HUB_OFFLINE")}
    for setting, (value, words) in settings.items():
        monkeypatch.setattr(constants, setting, value)
        refuses("stores", "push", SMALL, "me/store", words=["me/store", words])
        refuses("stores", "pull", "me/store", "--out", tmp_path / "out", words=["me/store", words])


def test_a_directory_that_is_there_is_not_pulled_into(hub, refuses, tmp_path):
    (tmp_path / "out").mkdir()
    refuses("stores", "pull", "me/store", "--out", tmp_path / "out", words=["already exists"])
    assert not hub.requests
