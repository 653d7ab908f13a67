"""Links from pages to files of the repository outside ``docs``, such as ``../benchmarks/results/answers.json``.

They work on GitHub as they are. The site takes in what is linked, so that they work there too, without a network; a
link to what is not there is one that MkDocs warns of.
"""

import re
from pathlib import Path
from posixpath import dirname, join, normpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

LINK = re.compile(r"\]\(([^)#:\s]+)")
HOME = "repository"
"""Where the files lie in the site."""


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Take in what the pages link to."""
    root = Path(config.docs_dir)
    pages = list(files.documentation_pages())
    while pages:
        page = pages.pop()
        for link in LINK.findall(page.content_string):
            uri = normpath(join(dirname(page.src_uri), link))
            outside = uri.startswith("../") and not uri.startswith("../../")
            if not outside or uri in files.src_uris or not (root / uri).is_file():
                continue
            file = File.generated(
                config, uri, abs_src_path=str((root / uri).resolve()), inclusion=InclusionLevel.NOT_IN_NAV
            )
            file.dest_uri = join(HOME, file.dest_uri.removeprefix("../"))
            files.append(file)
            if file.is_documentation_page():
                pages.append(file)
