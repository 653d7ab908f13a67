def schedule(beta):
    return {
        "width": int(round(4 * 16.0 ** beta)),
        "crew": int(round(4 + 2 * beta)),
        "complete": int(round(2 + 3 * beta)),
        "level": 0.8 + 0.17 * beta,
    }


def program(episode, width, crew, complete, level):
    """A small crew of branches, each replaced by a new one when it ends, until the finished ones agree.

    A cohort side by side pays for all its branches until the quickest have ended, on easy questions too. A crew asks
    for another opinion only when one has come in and was not enough, and quick branches make room for more of them.
    """
    episode.branch(crew)
    while episode.advance_all() > 0:
        if episode.completed >= complete and episode.confidence(FINISHED) >= level:
            break
        running = 0
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                running += 1
        episode.branch(max(0, min(crew - running, width - episode.width)))
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
