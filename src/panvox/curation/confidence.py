"""From votes to the probability that an answer is right."""

from __future__ import annotations

import math
from collections.abc import Mapping

from panvox.curation.weights import Calibration

EDGE = 1e-4
"""Posteriors are kept this far from 0 and 1."""

SHARE_SLOPE = 1.0
SHARE_SHIFT = 0.0


def calibrated(calibration: Calibration, posterior: float) -> float:
    """The probability that the leading answer is right, given its part of the posterior."""
    sure = min(max(posterior, EDGE), 1 - EDGE)
    odds = calibration.low * math.log(sure) - calibration.high * math.log1p(-sure) + calibration.shift
    return 1 / (1 + math.exp(-odds))


def confidence_of(calibration: Calibration, votes: Mapping[int, float], leader: int, group: int) -> float:
    """The calibrated probability that `group` is right; `leader` has the most `votes`."""
    scale, most = calibration.scale, votes[leader]
    powers = {each: math.exp(scale * (held - most)) for each, held in votes.items()}
    everything = sum(powers.values())
    sure = calibrated(calibration, 1 / everything)
    if group == leader:
        return sure
    others = everything - 1
    rest = (1 - sure) * (1 - calibration.none)
    return rest * powers.get(group, 0.0) / others if others > 0 else 0.0


def share_confidence(leading: float, share: float, *, leads: bool) -> float:
    """Confidence where nothing was learnt, from the leading group's share and that of the one asked for."""
    sure = min(max(leading, EDGE), 1 - EDGE)
    odds = SHARE_SLOPE * math.log(sure / (1 - sure)) + SHARE_SHIFT
    found = 1 / (1 + math.exp(-odds))
    return found if leads else (1 - found) * share / max(1 - leading, EDGE)
