"""The commands of the page on reports make one."""

import pytest
from pages import Page

pytest.importorskip("vl_convert")
PAGE = Page("docs/reports.md")


def test_the_block_runs(block, reader, folder):
    reader.follow(block)
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
