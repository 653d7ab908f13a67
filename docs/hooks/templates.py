"""How generated pages are filled in."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).parents[2]
"""The repository."""

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def page(template: str, **parts: Any) -> str:
    """A page of a template.

    Args:
        template: its name.
        **parts: what it is filled with.
    """
    return _templates.get_template(template).render(parts)


def linked(text: str, programs: Iterable[str] = ()) -> str:
    """The text of a docstring with links to papers and to the pages of programs beside its own.

    Args:
        text: of a docstring.
        programs: those that may be linked to.
    """
    text = re.sub(r"(?<!\[)arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", text)
    for name in programs:
        text = text.replace(f"``{name}``", f"[`{name}`]({name}.md)")
    return text
