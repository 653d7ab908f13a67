"""The tutorial for program synthesis goes as it says; what it shows is what its search prints."""

from pages import Page

PAGE = Page("docs/tutorials/program-synthesis.md", long="discover|found|report.txt")


def test_the_block_runs(block, reader):
    reader.follow(block)
