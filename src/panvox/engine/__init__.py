"""One prompt to many models: the run, its turns, its ledger and when to stop waiting."""

from panvox.engine.run import Member, Run, Turn
from panvox.waiting import Wait, parse_wait

__all__ = ["Member", "Run", "Turn", "Wait", "parse_wait"]
