"""Landlock (Linux 5.13): no file of any directory, no TCP port, no signal to processes outside."""

from __future__ import annotations

import ctypes
import os
import struct

from tts_gym.sandbox.child.system import NO_NEW_PRIVILEGES, call, libc

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1

_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Number of rights to files that exist from each version on."""
_NET_RIGHTS = {4: 2}
_SCOPES = {6: 2}


def deny_files() -> None:
    """Take from this process, for good, every right that Landlock governs here.

    Raises:
        OSError: if the system has no Landlock.
    """
    syscall = libc().syscall
    version = call(syscall, _CREATE_RULESET, None, 0, _ASK_VERSION)
    rights = [
        2 ** max((number for since, number in kinds.items() if since <= version), default=0) - 1
        for kinds in (_FILE_RIGHTS, _NET_RIGHTS, _SCOPES)
    ]
    known = 3 if version >= 6 else 2 if version >= 4 else 1
    attributes = struct.pack(f"={known}Q", *rights[:known])
    ruleset = call(
        syscall, _CREATE_RULESET, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes), 0
    )
    try:
        call(libc().prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        call(syscall, _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
