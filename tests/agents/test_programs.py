"""Every program on stores small enough to work out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from strategies import store_of

from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.programs.adaptive_consistency_dirichlet import leader_share_probability, most_voted
from tts_gym.agents.programs.adaptive_consistency_weighted import beta_confidence
from tts_gym.agents.programs.cmc import schedule
from tts_gym.agents.programs.rl_sampling import preferred, statistics
from tts_gym.agents.replay import branch_order, replay
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.datasets.store import INVALID_TEXT
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.votes import confidence_table

SEED = 0
EXACT, PUBLISHED = EpisodeRules(), EpisodeRules(published=True)


def branch(probes, final, tokens=None):
    """A recorded branch, probed every 100 tokens and ending 50 after its last probe; '.' is an invalid answer."""
    read = [None if answer == "." else answer for answer in probes]
    return RecordedBranch(tokens or 100 * len(probes) + 50, read, None if final == "." else final)


def run(name, branches, rules=EXACT, **parameters):
    """Answer, tokens, sequential tokens and width on one question whose branches come in the given order."""
    order = branch_order(len(branches), SEED)
    recorded = [branches[place] for place in np.argsort(order)]
    store = store_of(100, [RecordedQuestion("q", "?", "a", recorded)])
    program = PROGRAMS[name]
    arguments = program.arguments(program.resolve(parameters))
    answer, tokens, sequential, width, _, _ = replay(program, arguments, store, [SEED], rules)[0].tolist()
    text = store.class_texts[0][answer] if answer >= 0 else None
    return text, tokens, sequential, width


A, B, C = branch("xa", "a"), branch("yyb", "b"), branch("c", "c")  # 250, 350 and 150 tokens
SHORT_OF_ITS_PROBES = branch("aa", "a", tokens=180)


def test_single_reads_the_first_branch():
    assert run("single", [B, A]) == ("b", 350, 350, 1)


def test_sc_reads_in_parallel_and_a_tie_goes_to_the_first():
    assert run("sc", [A, B, C], n=3) == ("a", 750, 350, 3)
    assert run("sc", [C, A, B, A], n=4) == ("a", 1000, 350, 4)
    assert run("sc", [A, B], n=64) == ("a", 600, 350, 2)


def test_reading_whole_costs_its_length_under_both_rules_whatever_its_probes_say():
    for rules in (EXACT, PUBLISHED):
        assert run("sc", [SHORT_OF_ITS_PROBES], rules, n=1)[1] == 180


def test_invalid_answers_vote_under_the_published_rules_only():
    branches = [branch("..", "."), branch("..", "."), A]
    assert run("sc", branches, n=3)[0] == "a"
    assert run("sc", branches, PUBLISHED, n=3)[0] == "ERR"
    assert run("sc", branches[:2], n=2)[0] is None


def test_oracle_finds_the_right_answer_among_the_first_n():
    assert run("oracle", [B, C, A], n=3)[0] == "a"
    assert run("oracle", [B, C, A], n=2)[0] == "b"


def test_asc_stops_when_the_vote_is_confident():
    # Two equal votes: P(Binomial(3, 1/2) <= 2) = 0.875; three: 0.9375; four: 0.96875.
    assert run("asc", [A] * 6, max_samples=6, threshold=0.95) == ("a", 1000, 1000, 4)
    assert run("asc", [A] * 6, max_samples=6, threshold=0.9375)[3] == 4
    assert run("asc", [A] * 6, max_samples=6, threshold=0.87)[3] == 2
    assert run("asc", [A] * 6, max_samples=3, threshold=0.95)[3] == 3
    # One vote has confidence 0.75, but the rule holds from the second on.
    assert run("asc", [A, A], max_samples=2, threshold=0.5)[3] == 2


def test_asc_dirichlet_is_asc_below_three_answers_and_stops_on_a_clear_leader_among_them():
    assert run("asc-dirichlet", [A] * 6, max_samples=6, threshold=0.95) == ("a", 1000, 1000, 4)
    many = [B, C] + [A] * 9
    share = leader_share_probability(np.array([4, 1, 1]))
    assert run("asc-dirichlet", many, max_samples=11, threshold=share - 1e-6)[3] == 6
    assert run("asc-dirichlet", many, max_samples=11, threshold=share + 1e-6)[3] == 7


def test_the_dirichlet_share_is_that_of_closed_form_and_of_sampling():
    # Two answers: P(p > 1/2) for p ~ Beta(3, 2) is 11/16.
    assert leader_share_probability(np.array([2, 1])) == pytest.approx(11 / 16, abs=1e-6)
    assert leader_share_probability(np.array([5, 5, 5])) == pytest.approx(1 / 3, abs=1e-6)
    for counts in ([3, 2, 1], [10, 7, 7, 2, 1], [60, 40, 20]):
        shares = np.random.default_rng(0).dirichlet(np.array(counts) + 1, 200_000)
        assert leader_share_probability(np.array(counts)) == pytest.approx((shares.argmax(1) == 0).mean(), abs=0.004)


def test_esc_stops_at_a_unanimous_window_and_else_counts_every_vote():
    assert run("esc", [A, B, C, C, A, A], max_samples=6, window=2) == ("c", 900, 500, 4)
    assert run("esc", [A, B, A, C, B, A], max_samples=6, window=2) == ("a", 1600, 950, 6)
    assert run("esc", [A, B, A], max_samples=3, window=2)[3] == 2
    assert run("esc", [A], max_samples=1, window=2) == (None, 0, 0, 0)


def test_sc_cancel_stops_in_the_interval_in_which_the_vote_is_sure_and_pays_for_what_it_cancels():
    # Two equal votes have confidence 0.875; the long branch has 300 tokens when the two short ones have ended.
    long = branch("bbbbbbb", "b")
    assert run("sc-cancel", [A, long, A], n=3, threshold=0.875) == ("a", 2 * 250 + 300, 300, 3)
    assert run("sc-cancel", [A, long, A], n=3, threshold=0.88) == ("a", 2 * 250 + 750, 750, 3)
    assert run("sc-cancel", [A, B, C], n=1, threshold=0.5) == ("a", 250, 250, 1)


def test_rl_sampling_sees_shares_samples_entropy_and_price():
    seen = statistics(np.array([1, 0, 3]), 8, 0.0005)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(32)
    assert seen == pytest.approx([0.75, 0.25, 0, 0, 0, 8 / 32, entropy, 0])
    assert statistics(np.ones(32, np.int64), 32, 0.1) == pytest.approx([1 / 32] * 5 + [1, 1, 1])
    assert statistics(np.zeros(0, np.int64), 0, 0.1).tolist() == [0] * 7 + [1]


def test_rl_sampling_takes_the_largest_output_of_its_network():
    flip = np.array([[-1.0, 0, 0.5], [0, -1, 0.5]])
    # 0.2 and 0.9 become 0.3 and, cut off at zero, 0.
    assert preferred(np.array([0.2, 0.9]), (flip, flip)) == 1
    assert preferred(np.array([0.9, 0.2]), (flip, flip)) == 0


def test_rl_sampling_reads_more_where_answers_differ_and_where_samples_are_cheap():
    agreeing, differing = [A] * 40, [A, B, C, branch("d", "d")] * 10
    widths = {
        (price, name): run("rl-sampling", branches, price=price)[3]
        for price in (0.0005, 0.1)
        for name, branches in (("agreeing", agreeing), ("differing", differing))
    }
    assert widths[0.0005, "differing"] == 32
    assert 0 < widths[0.0005, "agreeing"] < 32
    assert 0 < widths[0.1, "differing"] < 32


def test_parallel_probe_stops_when_the_winner_is_stable():
    # Opening reveals a a; steps 0, 1, 2 have the winner a, so stable is 2 at step 2: four intervals of two chains.
    steady = [branch("aaaaaaaa", "a")] * 2
    assert run("parallel-probe", steady, num_chains=2, stable_for=2, warm_up=9) == ("a", 800, 400, 2)


def test_parallel_probe_prunes_a_dissenter_and_finished_chains_keep_voting():
    chains = [branch("aaaa", "a")] * 2 + [branch("bbbbbbbb", "b")]
    # Steps 0 and 1 count two disagreements; the third chain stops at 300 tokens, the others read to their end.
    parameters = {"num_chains": 3, "stable_for": 40, "patience": 2, "warm_up": 0}
    assert run("parallel-probe", chains, **parameters) == ("a", 300 + 2 * 450, 450, 3)
    lone = [branch("aa", "a"), branch("aa", "a"), branch("bbbbbb", "b")]
    assert run("parallel-probe", lone, num_chains=3, patience=99, warm_up=0)[0] == "a"


def test_parallel_probe_ends_after_max_steps():
    assert run("parallel-probe", [branch("abcabc", "a")], num_chains=1, max_steps=2) == ("c", 300, 300, 1)


def test_the_cmc_schedule_rounds_half_to_even():
    middle = schedule(0.5)
    assert middle["n_init"] == 5
    assert middle["max_width"] == 34
    assert middle["warm_up"] == 6
    assert middle["patience"] == round(7.5) == 8
    assert middle["window"] == 5
    assert middle["burst"] == 2
    assert middle["widen"] == round(2.5) == 2
    assert middle["min_complete"] == round(3.5) == 4
    assert (middle["alpha"], middle["level"], middle["slack"], middle["trend"]) == (0.5, 0.91, 0.025, 0.025)
    assert schedule(0.0)["n_init"] == 2
    assert schedule(1.0)["max_width"] == 64


def test_cmc_stops_once_the_smoothed_confidence_is_high_after_warm_up():
    # beta = 0: two branches, alpha 0.7, level 0.85, warm-up 2. Both finish in round 0 (conf 0.875, ema 0.6125), round 0
    # then ends because nothing runs.
    assert run("cmc", [branch("a", "a")] * 4, beta=0) == ("a", 300, 150, 2)


def test_short_m_at_k_lets_the_first_m_vote_and_ties_go_to_the_shorter():
    first_two = [branch("xx", "b", 240), branch("yy", "a", 210), branch("zzzzz", "c")]
    # Both finish in the third advance; the third branch has generated 300 tokens by then.
    assert run("short-m@k", first_two, m=2, k=3) == ("a", 240 + 210 + 300, 300, 3)
    assert run("short-m@k", first_two, m=1, k=3)[0] == "a"
    assert run("short-m@k", first_two, m=3, k=3)[0] == "a"


def test_answer_consistency_stops_after_n_equal_probes():
    one = [branch("abbbb", "c")]
    assert run("answer-consistency", one, n=3) == ("b", 400, 400, 1)
    assert run("answer-consistency", one, n=9) == ("c", 550, 550, 1)
    assert run("answer-consistency", one, n=1) == ("a", 100, 100, 1)


def test_certaindex_needs_agreeing_valid_probes():
    one = [branch("...bb", "c")]
    assert run("certaindex", one, k=2) == ("b", 500, 500, 1)
    assert run("certaindex", one, PUBLISHED, k=2) == ("b", 500, 500, 1)
    assert run("certaindex", one, k=3) == ("c", 550, 550, 1)


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_without_budget_for_a_first_interval_there_is_no_answer(name):
    rules = EpisodeRules(budget=99)
    assert run(name, [A, B, C], rules)[:2] == (None, 0)


def test_published_advances_cost_whole_intervals_and_the_closing_one_the_rest():
    assert run("certaindex", [SHORT_OF_ITS_PROBES], PUBLISHED, k=9)[1] == 200
    assert run("certaindex", [SHORT_OF_ITS_PROBES], EXACT, k=9)[1] == 180
    assert run("certaindex", [A], PUBLISHED, k=9)[1] == 250


def test_a_budget_that_runs_out_in_a_window_leaves_the_branch_where_it_is():
    # A whole is 250; of B the first interval fits, the second would make 450.
    assert run("sc", [A, B], EpisodeRules(budget=400), n=2) == ("a", 350, 250, 2)
    assert run("sc", [A, B], EpisodeRules(budget=349), n=2) == ("a", 250, 250, 1)
    # Its last 50 would fit, but nobody knows that they are the last.
    assert run("sc", [A, B], EpisodeRules(budget=600), n=2) == ("a", 550, 300, 2)
    assert run("sc", [A, B], EpisodeRules(budget=650), n=2) == ("a", 600, 350, 2)
    # The second window ends with b and with a branch that shows b at 100 tokens: no unanimous window, one vote each.
    window = [C, A, B, branch("bbb", "b")]
    assert run("esc", window, EpisodeRules(budget=850), max_samples=4, window=2) == ("c", 850, 600, 4)


def test_esc_stops_at_a_window_of_invalid_answers_where_these_vote_and_not_at_a_short_one():
    nothing = branch("..", ".")
    assert run("esc", [nothing, nothing, C, C], max_samples=4, window=2) == ("c", 800, 400, 4)
    assert run("esc", [nothing, nothing, C, C], PUBLISHED, max_samples=4, window=2) == (INVALID_TEXT, 500, 250, 2)
    # The last window finds one branch: no window, so all five votes count.
    assert run("esc", [A, A, B, A, B], max_samples=6, window=2) == ("a", 500, 250, 2)
    assert run("esc", [C, A, B, A, B], max_samples=6, window=2) == ("a", 1350, 950, 5)


def test_asc_dirichlet_is_strict_below_three_answers_and_looks_at_five_from_there():
    assert run("asc-dirichlet", [A] * 6, max_samples=6, threshold=0.9375)[3] == 4
    assert most_voted(np.array([1, 0, 4, 1, 1, 2, 1])).tolist() == [4, 2, 1, 1, 1]


def test_parallel_probe_counts_whole_intervals_under_the_published_rules():
    # Exact: 100, 80, 0 tokens. Published: 100, 100, 0; the opened chain and its final answer are two steps.
    chains = [SHORT_OF_ITS_PROBES, SHORT_OF_ITS_PROBES]
    assert run("parallel-probe", chains, num_chains=9) == ("a", 360, 180, 2)
    assert run("parallel-probe", chains, PUBLISHED, num_chains=9) == ("a", 400, 200, 2)


def test_parallel_probe_forgives_a_chain_that_agrees_again():
    chains = [branch("aaaaaaa", "a")] * 2 + [branch("abbabba", "a")]
    # Two disagreements in a row, twice, and never a third: all three chains are read to their end.
    parameters = {"num_chains": 3, "patience": 3, "warm_up": 0}
    assert run("parallel-probe", chains, **parameters) == ("a", 3 * 750, 750, 3)
    assert run("parallel-probe", chains, **parameters | {"patience": 2}) == ("a", 2 * 750 + 300, 750, 3)


def test_parallel_probe_votes_again_once_chains_are_pruned():
    # b leads by entry; step 0 prunes the others at 200 tokens, and b alone goes on.
    chains = [branch("bbb", "b"), branch("aaa", "a"), branch("ccc", "c")]
    assert run("parallel-probe", chains, num_chains=3, patience=1, warm_up=0) == ("b", 350 + 2 * 200, 350, 3)


def test_cmc_widens_after_half_the_warm_up_and_stops_when_the_average_is_high():
    # beta = 0: n_init 2, max_width 4, warm_up 2, alpha 0.7, level 0.85, min_complete 2, one interval a round.
    # Branch 2 opens in round 1, branch 3 in round 2. Branches 0 and 1 finish in round 3: ema 0.7 * 0.875 = 0.6125.
    # Round 4: 0.3 * 0.6125 + 0.6125 = 0.79625, after the advance 0.3 * 0.79625 + 0.6125 = 0.851375, and it stops, with
    # two branches of 450 tokens, one of 400 and one of 300. Three openings and five rounds of 100 tokens follow one
    # another.
    four = [branch("aaaa", "a")] * 4
    for rules in (EXACT, PUBLISHED):
        assert run("cmc", four, rules, beta=0) == ("a", 2 * 450 + 400 + 300, 800, 4)


def test_cmc_without_a_finished_branch_answers_with_the_majority_of_the_latest_answers():
    # 250 tokens open two branches, and the remaining 50 buy no interval; one vote each, b entered first.
    rules = EpisodeRules(budget=250)
    assert run("cmc", [branch("baa", "a"), branch("bbb", "b")], rules, beta=0) == ("b", 200, 100, 2)


def test_crew_gives_a_branch_up_beyond_the_limit_once_another_has_finished():
    # beta = 0: two branches at most, both open from the start. The first ends after 250 tokens, the other is given up
    # after 44 intervals; where none has finished, a branch is read on.
    quick, endless = branch("aa", "a"), branch("b" * 60, "b")
    assert run("crew", [quick, endless], beta=0) == ("a", 250 + 4400, 4400, 2)
    assert run("crew", [endless, endless], beta=0) == ("b", 2 * 6050, 6050, 2)


def test_crew_opens_another_branch_when_one_ends():
    # beta = 0.3: six branches at most, five at a time, three finished ones that agree are enough (0.9375 > 0.851).
    assert run("crew", [branch("aa", "a"), *[branch("aaaa", "a")] * 5], beta=0.3)[3] == 6
    assert run("crew", [branch("aa", "a")] * 6, beta=0.3) == ("a", 5 * 250, 250, 5)


def test_crew_lets_a_quick_branch_outvote_two_that_came_close_to_the_limit():
    # beta = 0.2: two votes against one (0.6875) are not confident enough to stop before the fourth has ended.
    for probes, answer in ((40, "b"), (4, "a")):
        three = [branch("b", "b"), *[branch("a" * probes, "a")] * 2]
        assert run("crew", three, beta=0.2)[:2] == (answer, 150 + 2 * (100 * probes + 50))


def test_crew_lets_an_answer_that_came_up_late_outvote_first_guesses():
    # beta = 0.2, and again a vote of two against one; all are equally long.
    guess, late = branch("a" * 20, "a"), branch("a" * 19 + "b", "b")
    assert run("crew", [late, guess, guess, branch("c" * 60, "c")], beta=0.2)[0] == "b"
    assert run("crew", [branch("b" * 20, "b"), guess, guess, branch("c" * 60, "c")], beta=0.2)[0] == "a"


def test_short_m_at_k_takes_the_first_of_equally_short_branches():
    assert run("short-m@k", [branch("xx", "b"), branch("yy", "a")], m=1, k=2)[0] == "b"
    assert run("short-m@k", [branch("xx", "b")], m=3, k=8) == ("b", 250, 250, 1)


def test_answer_consistency_starts_again_at_every_change_and_takes_invalid_probes_as_equal():
    assert run("answer-consistency", [branch("aabb", "a")], n=3) == ("a", 450, 450, 1)
    assert run("answer-consistency", [branch("a..b", "b")], n=2) == ("ERR", 300, 300, 1)


def test_the_cmc_schedule_at_its_ends_and_between():
    integers = ("n_init", "max_width", "warm_up", "patience", "window", "burst", "widen", "min_complete")
    reals = ("alpha", "level", "slack", "trend")
    for beta, whole, real in [
        (0.0, (2, 4, 2, 3, 2, 1, 1, 2), (0.7, 0.85, 0.04, 0.04)),
        # 3.5 -> 4, 19, 4, 5.25, 3.5 -> 4, 1.5 -> 2, 1.75, 2.75
        (0.25, (4, 19, 4, 5, 4, 2, 2, 3), (0.6, 0.88, 0.0325, 0.0325)),
        (1.0, (8, 64, 10, 12, 8, 3, 4, 5), (0.3, 0.97, 0.01, 0.01)),
    ]:
        found = schedule(beta)
        assert tuple(found[name] for name in integers) == whole
        assert tuple(found[name] for name in reals) == real


def sure(final, values, probes="", signal="topk_confidence", tokens=None):
    """A recorded branch that records ``values`` of ``signal``, one an interval."""
    one = branch(probes or "x" * len(values), final, tokens)
    return replace(one, signals={signal: list(values)})


def test_deepconf_weighs_the_votes_and_keeps_the_most_confident():
    branches = [sure("b", [3, 3]), sure("a", [5, 5]), sure("b", [3, 3])]
    assert run("deepconf", branches, keep=1) == ("b", 750, 250, 3)
    assert run("deepconf", branches, keep=0.1)[0] == "a"
    # The quantile 1/2 of 1, 3, 5 is 3, which stays.
    assert run("deepconf", [sure("b", [3]), sure("a", [2]), sure("a", [1])], keep=0.5)[0] == "b"
    assert run("deepconf", [sure("b", [3]), sure("a", [2]), sure("a", [1.5])], keep=1)[0] == "a"
    assert run("deepconf", [sure("b", [3]), sure("a", [3])], keep=1)[0] == "b"


@pytest.mark.parametrize(
    ("values", "measured"),
    [
        # Means of two successive intervals: 9, 5, 1, 5, 9.
        ([9, 9, 1, 1, 9, 9], {"mean": 38 / 6, "tail": 9, "bottom": 1, "lowest": 1}),
        ([4], {"mean": 4, "tail": 4, "bottom": 4, "lowest": 4}),
        # Of 20 windows the two lowest are (1 + 9) / 2 and (2 + 9) / 2.
        ([1] + [9] * 19 + [2], {"mean": 174 / 21, "tail": 5.5, "bottom": 5.25, "lowest": 5}),
    ],
)
def test_deepconf_measures_a_branch_by_its_mean_its_end_or_its_weakest_windows(values, measured):
    for measure, confidence in measured.items():
        for other, answer in ((confidence - 0.01, "a"), (confidence + 0.01, "b")):
            branches = [sure("a", values), sure("b", [other])]
            assert run("deepconf", branches, measure=measure, window=2)[0] == answer, measure


@pytest.mark.parametrize("name", ["deepconf", "deepconf-online", "borda", "asc-weighted"])
def test_a_branch_without_recorded_intervals_abstains_unless_all_do(name):
    signal = PROGRAMS[name].signals[0]
    nothing = sure("b", [], signal=signal)
    assert run(name, [nothing, nothing, sure("a", [1], signal=signal)])[0] == "a"
    assert run(name, [nothing, nothing, sure("a", [], signal=signal)])[0] == "b"


@pytest.mark.parametrize("name", ["deepconf", "deepconf-online", "borda", "asc-weighted"])
def test_invalid_answers_have_confidence_under_the_published_rules_only(name):
    branches = [sure(".", [8], signal=PROGRAMS[name].signals[0]), sure("a", [1], signal=PROGRAMS[name].signals[0])]
    assert run(name, branches)[0] == "a"
    assert run(name, branches, PUBLISHED)[0] == "ERR"


def test_deepconf_online_stops_at_consensus_and_abandons_unsure_branches():
    confident, doubtful = sure("a", [4, 4]), sure("b", [2, 9])
    # The median of 4 and 2 is 3: the first alone votes, and there is consensus.
    warm_up = {"n_init": 2, "window": 1}
    assert run("deepconf-online", [confident, doubtful, confident], keep=0.5, **warm_up) == ("a", 500, 250, 2)
    # Both vote, 4 to 2; the third is abandoned after two intervals, the fourth makes it 10 to 2.
    branches = [confident, doubtful, sure("b", [5, 1, 5, 5]), sure("a", [6, 6]), confident]
    for consensus, width in ((0.83, 4), (0.84, 5)):
        answer, tokens, sequential, opened = run("deepconf-online", branches, keep=1, consensus=consensus, **warm_up)
        assert (answer, opened) == ("a", width)
        assert (tokens, sequential) == (500 + 200 + 250 * (width - 3), 250 + 200 + 250 * (width - 3))
    assert run("deepconf-online", branches, keep=1, max_samples=3, **warm_up)[3] == 3
    # Windows of two intervals have the means 3, 3, 5: the third branch is read whole, and votes 3 more for b.
    branches = [confident, sure("b", [3, 3]), sure("b", [5, 1, 5, 5])]
    assert run("deepconf-online", branches, keep=1, n_init=2, window=2) == ("b", 950, 700, 3)


def test_deepconf_online_leaves_out_a_branch_that_ends_unsure_before_its_first_window():
    branches = [sure("a", [4, 4]), sure("b", [4, 4]), sure("b", [1])]
    assert run("deepconf-online", branches, n_init=2, keep=1, window=2) == ("a", 650, 400, 3)


def test_borda_votes_by_rank():
    branches = [sure(final, [value], signal="self_certainty") for final, value in (("b", 1), ("a", 3), ("b", 2))]
    # 3^p for a against 2^p + 1 for b; with p = 1 they tie and the lower branch decides.
    for p, answer in ((0, "b"), (0.3, "b"), (1, "b"), (1.1, "a"), (2, "a")):
        assert run("borda", branches, p=p) == (answer, 450, 150, 3)
    equal = [sure(final, [1], signal="self_certainty") for final in "ab"]
    assert run("borda", equal, p=1)[0] == "a"


def test_asc_weighted_with_equal_confidences_is_asc():
    for branches in ([A] * 6, [A, B, A, A, C, A, A, A], [B, A, C]):
        equal = [replace(one, signals={"topk_confidence": [4.0] * len(one.probe_answers)}) for one in branches]
        for threshold in (0.6, 0.8, 0.95):
            assert run("asc-weighted", equal, threshold=threshold) == run("asc", branches, threshold=threshold)


def test_asc_weighted_counts_a_confident_branch_for_more():
    # Weights 1.5 and 0.5: P(x > 1/2) for Beta(2.5, 1.5) is 1/2 + 2/(3π) = 0.7122.
    branches = [sure("b", [1]), sure("a", [3]), sure("a", [3])]
    assert run("asc-weighted", branches, threshold=0.712) == ("a", 300, 300, 2)
    assert run("asc-weighted", branches, threshold=0.713)[3] == 3


def test_the_real_valued_beta_confidence_is_that_of_whole_votes_of_closed_forms_and_of_a_fine_sum():
    table = confidence_table(64)
    for top1 in range(65):
        for top2 in range(top1 + 1):
            assert beta_confidence(top1, top2) == pytest.approx(table[top1, top2], rel=1e-14)
    assert beta_confidence(1.5, 0.5) == pytest.approx(0.5 + 2 / (3 * np.pi), rel=1e-14)
    assert beta_confidence(0.3, 0.3) == 0.5
    assert beta_confidence(5000.0, 3.5) == 1
    x = (np.arange(1_000_000) + 0.5) / 1_000_000
    for top1, top2 in ((0.4, 0.1), (7.3, 2.6), (41.7, 38.2)):
        density = x**top1 * (1 - x) ** top2
        assert beta_confidence(top1, top2) == pytest.approx(density[x > 0.5].sum() / density.sum(), abs=1e-6)


def test_deer_stops_at_a_confident_valid_trial_answer():
    # exp(-0.06) = 0.942 and exp(-0.05) = 0.951.
    one = [sure("c", [-1, -0.06, -0.05, -0.01], "wxyz", "answer_logprob")]
    assert run("deer", one) == ("y", 300, 300, 1)
    assert run("deer", one, threshold=0.94) == ("x", 200, 200, 1)
    assert run("deer", one, threshold=1) == ("c", 450, 450, 1)
    unreadable = [sure("c", [-1, -0.06, -0.05, -0.01], "wx.z", "answer_logprob")]
    assert run("deer", unreadable) == ("z", 400, 400, 1)


def test_deer_pays_for_the_trial_answers_it_looks_at():
    one = [sure("c", [-1, -0.05], "xy", "answer_logprob")]
    assert run("deer", one, EpisodeRules(eager=False, probe_cost=7)) == ("y", 214, 214, 1)
    # The second probe does not fit the budget: the branch is generated to its end instead.
    assert run("deer", one, EpisodeRules(eager=False, probe_cost=120, budget=430)) == ("c", 370, 370, 1)
