"""The block of the page on the environments plays an episode."""

from pages import Page

PAGE = Page("docs/environments/index.md")


def test_the_block_runs(block, reader):
    reader.follow(block)
