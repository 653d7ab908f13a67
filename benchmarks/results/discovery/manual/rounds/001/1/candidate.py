def schedule(beta):
    return {"cohort": int(round(2 * 28.0 ** beta)), "level": 0.9 + 0.09 * beta}


def program(episode, cohort, level):
    """Deepen a cohort side by side; stop when those that have finished agree, whatever the others still think."""
    episode.branch(cohort)
    while episode.advance_all() > 0:
        if episode.completed >= 2 and episode.confidence(FINISHED) >= level:
            break
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
