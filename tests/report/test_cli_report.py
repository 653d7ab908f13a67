import pytest


def test_an_evaluation_becomes_a_report(run, store_file, tmp_path):
    status, _, err = run("evaluate", store_file, "-c", "sc:n=2", "--seeds", 3, "--out", tmp_path / "run")
    assert (status, err) == (0, "")
    file = tmp_path / "pages" / "report.html"
    status, out, err = run("report", tmp_path / "run", "-o", file, "--episodes", "worst:2")
    assert status == 0
    assert err.startswith("Note: 2 of 6 cases") and "worst:2" in err and err.count("\n") == 1
    assert str(file) in out and file.stat().st_size > 500_000
    assert f"tts-gym report {tmp_path}/run" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], ["nowhere"]),
        (["run", "--episodes", "no-such"], ["no-such", "worst:N"]),
        (["."], ["evaluation.json"]),
    ],
)
def test_what_cannot_be_reported_is_one_clear_line(run, store_file, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    run("evaluate", store_file, "-c", "single", "--seeds", 1, "--out", "run")
    status, out, err = run("report", *arguments, "-o", "report.html")
    assert (status, out) == (2, "")
    assert err.startswith("Error: ") and err.count("\n") == 1
    assert all(word in err for word in words)
    assert not (tmp_path / "report.html").exists()


def test_a_place_that_is_taken_is_refused_before_anything_runs(run, store_file, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    status, _, err = run("evaluate", store_file, "-c", "single", "--out", tmp_path)
    assert status == 2 and str(tmp_path) in err
    assert (tmp_path / "notes.txt").read_text() == "mine"
