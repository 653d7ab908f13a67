from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The published data and results, which are kept beside the repository and not in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the published data are not at {SHARED_DATA}")
    return SHARED_DATA
