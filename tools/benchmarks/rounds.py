"""Interleaved rounds: each runs every variant once, in changing order, so that noise affects all alike."""

import statistics


def interleave(names, rounds, measure):
    """Measures each name once a round; the outcomes by name, in the order of the rounds."""
    outcomes = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            outcomes[name].append(measure(name))
    return outcomes


def median(outcomes, name, key="rate"):
    return statistics.median(result[key] for result in outcomes[name])


def latency(outcomes, name, share):
    """A percentile in milliseconds, the median of the rounds."""
    return statistics.median(result["latency"][share] for result in outcomes[name]) / 1e3


def ratio(outcomes, name, floor, key="rate"):
    """The median of the ratios within each round."""
    pairs = zip(outcomes[name], outcomes[floor])
    return statistics.median(ours[key] / theirs[key] for ours, theirs in pairs if theirs[key])


def middle(outcomes, name):
    """The round with the median rate."""
    return sorted(outcomes[name], key=lambda result: result["rate"])[len(outcomes[name]) // 2]
