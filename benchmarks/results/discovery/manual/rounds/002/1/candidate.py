def schedule(beta):
    return {"cohort": int(round(2 * 28.0 ** beta)), "level": 0.9 + 0.09 * beta}


def mean_finished_depth(episode):
    total = 0
    for i in range(episode.width):
        if episode.is_finished(i):
            total += episode.depth(i)
    return total / max(episode.completed, 1)


def program(episode, cohort, level):
    """A cohort side by side; once a third of it has finished, branches much longer than those are stragglers: abandon them.

    Long thoughts are wrong more often than short ones, so they should neither be paid for nor vote.
    """
    episode.branch(cohort)
    while episode.advance_all() > 0:
        if episode.completed >= 2 and episode.confidence(FINISHED) >= level:
            break
        if 3 * episode.completed >= episode.width and episode.completed >= 2:
            limit = 1.3 * mean_finished_depth(episode)
            for i in range(episode.width):
                if not episode.is_finished(i) and episode.is_active(i) and episode.depth(i) > limit:
                    episode.prune(i)
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
