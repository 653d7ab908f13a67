"""The minute of the home page goes as it says."""

from pages import Page

PAGE = Page("docs/index.md", long="tts-gym report")


def test_the_block_runs(block, reader):
    reader.follow(block)
