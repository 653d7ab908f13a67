"""What follows the pages of the documentation is strict."""

import pytest
from pages import Page, Reader, matches

PAGE = """
```python
# mine.py
print("a file is not run")
```

```bash
python mine.py
echo ADDRESS
```

```text
a file is …n
http://here
```

```json
{"is": "read"}
```

```bash
sleep 0; exit 3
```
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return Page(str(path), long="sleep")


def test_blocks_run_in_order_where_files_and_addresses_are_those_of_the_page(page, tmp_path):
    reader = Reader(page, tmp_path, {"ADDRESS": "http://here"})
    saved, run, failing = page.blocks
    assert (saved.file, run.file, failing.long) == ("mine.py", None, True)
    reader.follow(run)
    assert reader.done == [saved, run]
    with pytest.raises(AssertionError):
        reader.follow(failing)


def test_another_output_than_the_page_shows_is_told(page, tmp_path):
    with pytest.raises(AssertionError, match="ADDRESS"):
        Reader(page, tmp_path, {"http://here": "http://there"}).follow(page.blocks[1])


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [("a  \nb", "a\nb \n", True), ("a … b", "a 1\n2 b", True), ("a … b", "a 1 c", False), ("a.c", "abc", False)],
)
def test_what_is_shown_is_compared(shown, printed, same):
    assert matches(shown, printed) == same


def test_a_block_that_warns_fails(tmp_path):
    (tmp_path / "page.md").write_text("```python\nimport warnings\nwarnings.warn('old')\n```\n")
    page = Page(str(tmp_path / "page.md"))
    with pytest.raises(AssertionError, match="UserWarning"):
        Reader(page, tmp_path).follow(page.blocks[0])
