def schedule(beta):
    return {
        "cohort": int(round(2 * 27.0 ** beta)),
        "complete": int(round(2 + 3 * beta)),
        "margin": int(round(3 + 5 * beta)),
        "patience": int(round(8 + 4 * beta)),
        "steady": int(round(6 + 4 * beta)),
    }


def program(episode, cohort, complete, margin, patience, steady):
    """A cohort with abandoned dissenters, in which branches that have settled count before they have finished.

    A branch that shows the same answer interval after interval mostly ends with it: the rest of it is checking. Stop when
    the leader of finished and settled branches together is far enough ahead of the others and leads the finished ones.
    """
    episode.branch(cohort)
    dissent = np.zeros(episode.max_width, np.int64)
    streak = np.zeros(episode.max_width, np.int64)
    last = np.full(episode.max_width, -2)
    while episode.advance_all() > 0:
        leader = episode.leader(FINISHED)
        ahead = 0
        votes = episode.votes(FINISHED)
        for code in range(len(votes)):
            if code == leader:
                ahead += votes[code]
            else:
                ahead -= votes[code]
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                answer = episode.answer(i)
                streak[i] = streak[i] + 1 if answer == last[i] else 1
                last[i] = answer
                if leader >= 0:
                    if answer == leader:
                        dissent[i] = 0
                        if streak[i] >= steady:
                            ahead += 1
                    else:
                        dissent[i] += 1
                        if streak[i] >= steady and episode.is_valid(answer):
                            ahead -= 1
                    if dissent[i] >= patience:
                        episode.prune(i)
        if leader >= 0 and episode.completed >= complete and ahead >= margin:
            break
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
