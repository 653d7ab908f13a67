"""The pages that are made of the package: environments, programs, commands, and the changelog.

Those that other pages link to stand in ``docs`` too, for readers on GitHub: they say there what they are made of.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import command_page
import environment_pages
import program_pages
from templates import ROOT


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages and their pictures, and the programs to the navigation."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    made: dict[str, str | bytes] = {"changelog.md": changelog}
    made |= environment_pages.made() | program_pages.made() | command_page.made()
    for uri, content in made.items():
        if uri in files.src_uris:
            files.remove(files.src_uris[uri])
        files.append(File.generated(config, uri, content=content))
    (programs,) = (section["Programs"] for section in config.nav or () if "Programs" in section)
    programs.extend({Path(uri).stem: uri} for uri in program_pages.uris())
