"""Reading a JSON file that may be damaged or hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from tts_gym.errors import StoreError
from tts_gym.files import read_whole


def read_json(path: Path) -> Any:
    """The document in the UTF-8 JSON file at ``path``; NaN and Infinity are refused, as JSON has neither."""
    data = read_whole(path, StoreError)
    if not data.strip():
        raise StoreError(f"{path} is empty; copy or write it again")
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is not UTF-8 text (byte {error.start}); convert it to UTF-8") from error
    except RecursionError as error:
        raise StoreError(f"{path} is nested too deeply to be read; write it in the documented format") from error
    except ValueError as error:
        raise StoreError(f"{path} is not valid JSON ({error}); copy or write it again") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name} is not finite")
