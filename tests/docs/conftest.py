"""A module of tests that says ``PAGE = Page(…)`` follows that page with ``reader.follow(block)``."""

import pytest
from pages import Reader


def pytest_generate_tests(metafunc):
    if "block" in metafunc.fixturenames:
        metafunc.parametrize("block", metafunc.module.PAGE.params())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the reader works; a module puts there what the page takes for granted."""
    return tmp_path_factory.mktemp("reader")


@pytest.fixture(scope="module")
def replaced():
    """What stands for something that each reader has; a module gives its own."""
    return {}


@pytest.fixture(scope="module")
def reader(request, folder, replaced):
    reader = Reader(request.module.PAGE, folder, replaced)
    yield reader
    reader.leave()
