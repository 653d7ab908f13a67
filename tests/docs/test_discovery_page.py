"""The discovery by hand of the page goes as it says."""

from pages import Page

PAGE = Page("docs/discovery.md", long="discover run")


def test_the_block_runs(block, reader):
    reader.follow(block)
