def schedule(beta):
    return {
        "cohort": int(round(2 * 32.0 ** beta)),
        "complete": int(round(2 + 6 * beta)),
        "level": 0.93 + 0.065 * beta,
        "patience": int(round(8 + 4 * beta)),
        "hopeless": int(round(4 + 8 * beta)),
    }


def program(episode, cohort, complete, level, patience, hopeless):
    """A cohort with abandoned dissenters that also knows when to give up.

    Where the quickest branches end with answers that scatter, most of the tokens that follow buy more scatter: once
    ``hopeless`` of them have finished and the leader has no more than a quarter of their votes, its answer is taken.
    """
    episode.branch(cohort)
    dissent = np.zeros(episode.max_width, np.int64)
    while episode.advance_all() > 0:
        leader = episode.leader(FINISHED)
        if leader < 0:
            continue
        if episode.completed >= complete and episode.confidence(FINISHED) >= level:
            break
        if episode.completed >= hopeless and 4 * episode.votes(FINISHED)[leader] <= episode.completed:
            break
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                if episode.answer(i) == leader:
                    dissent[i] = 0
                else:
                    dissent[i] += 1
                if dissent[i] >= patience:
                    episode.prune(i)
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
