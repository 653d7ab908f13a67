import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.episode.actions import action_count, decode_action, encode_action


def test_numbers() -> None:
    assert encode_action("stop") == 0
    assert encode_action("branch") == 1
    assert [encode_action(kind, 2) for kind in ("continue", "probe", "prune")] == [8, 9, 10]
    assert action_count(3) == 11


@given(st.integers(0, 10**9))
def test_encode_inverts_decode(action: int) -> None:
    assert encode_action(*decode_action(action)) == action


@given(st.integers(1, 64))
def test_decode_names_every_action_once(max_branches: int) -> None:
    decoded = [decode_action(action) for action in range(action_count(max_branches))]
    assert len(set(decoded)) == len(decoded)
    assert decoded[-1] == ("prune", max_branches - 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fly",), "Unknown action 'fly'"),
        (("stop", 1), "takes no branch"),
        (("branch", 0), "takes no branch"),
        (("probe",), "needs the index of a branch"),
        (("prune", -1), "needs the index of a branch"),
    ],
)
def test_encode_refuses(arguments: tuple[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_action(*arguments)


def test_decode_refuses_negative_numbers() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        decode_action(-1)
