def schedule(beta):
    return {
        "cohort": int(round(2 * 24.0 ** beta)),
        "complete": int(round(2 + 5 * beta)),
        "level": 0.93 + 0.06 * beta,
        "patience": int(round(8 + 4 * beta)),
    }


def program(episode, cohort, complete, level, patience):
    """A cohort side by side, whose unfinished branches are abandoned once they have long disagreed with the finished ones.

    What quick branches agree on is more often right than what slow ones end with: a slow dissenter costs most and
    votes worst. Stopping asks for several finished branches, not for confidence alone.
    """
    episode.branch(cohort)
    dissent = np.zeros(episode.max_width, np.int64)
    while episode.advance_all() > 0:
        leader = episode.leader(FINISHED)
        if leader < 0:
            continue
        if episode.completed >= complete and episode.confidence(FINISHED) >= level:
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
