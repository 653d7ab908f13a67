"""The Python interface leaves out special methods: nobody calls them by name."""

from typing import Any

import griffe


class WithoutSpecialMethods(griffe.Extension):
    """Takes them for private, but for the one that makes an object."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Look at a function that was read."""
        if func.is_special and func.name != "__init__":
            func.public = False
