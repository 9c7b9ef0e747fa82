"""From votes to the probability that an answer is right."""

from __future__ import annotations

import math
from collections.abc import Mapping

from panvox.curation.weights import Calibration

EDGE = 1e-4
"""Posteriors are kept this far from 0 and 1."""

SHARE_EDGE = 0.02
"""Shares of the votes are kept this far from 0 and 1: all of few votes is not certainty."""

LEAST_LEAD = 0.01
"""Votes below which the leading answer has next to none."""


def calibrated(calibration: Calibration, posterior: float, share: float, votes: float) -> float:
    """The probability that the leading answer is right.

    `posterior` is its part of the posterior, `share` of all votes; `votes` are those it has.
    """
    odds = (
        calibration.slope * _logit(posterior, EDGE)
        + calibration.share * _logit(share, SHARE_EDGE)
        + calibration.lead * math.log(max(votes, LEAST_LEAD))
        + calibration.shift
    )
    return 1 / (1 + math.exp(-odds))


def _logit(value: float, edge: float) -> float:
    kept = min(max(value, edge), 1 - edge)
    return math.log(kept / (1 - kept))


def confidence_of(calibration: Calibration, votes: Mapping[int, float], leader: int, group: int) -> float:
    """The calibrated probability that `group` is right; `leader` has the most `votes`."""
    scale, most = calibration.scale, votes[leader]
    powers = {each: math.exp(scale * (held - most)) for each, held in votes.items()}
    everything = sum(powers.values())
    sure = calibrated(calibration, 1 / everything, most / sum(votes.values()), most)
    if group == leader:
        return sure
    others = everything - 1
    rest = (1 - sure) * (1 - calibration.none)
    return rest * powers.get(group, 0.0) / others if others > 0 else 0.0


def share_confidence(share: float, effective: float) -> float:
    """Confidence in a group with a `share` of the votes where nothing was learnt.

    Its share, with one more vote of the usual weight against all. `effective` is how many
    votes of equal weight there are. It is not calibrated: where many err alike it is too high.
    """
    return share * effective / (effective + 1)
