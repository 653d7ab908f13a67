"""The Python interface leaves out special methods: nobody calls them by name."""

from typing import Any

import griffe


class WithoutSpecialMethods(griffe.Extension):
    """Takes them away, but for the one that makes an object."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Look at a class that was read."""
        for name, member in list(cls.members.items()):
            if member.is_special and name != "__init__":
                cls.del_member(name)
