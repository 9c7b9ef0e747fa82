"""Permits: calls go out as early as all limits allow, and in order; and what is learnt of limits."""

from panvox.limits.hooks import Foreign, Learner, Pool
from panvox.limits.limiter import MemoryLimiter
from panvox.limits.standings import Entries, Standing, WindowUse

__all__ = ["Entries", "Foreign", "Learner", "MemoryLimiter", "Pool", "Standing", "WindowUse"]
