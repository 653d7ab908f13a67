"""The minute of the home page goes as it says."""

from pages import Page

PAGE = Page("docs/index.md")


def test_the_block_runs(block, reader):
    reader.follow(block)
