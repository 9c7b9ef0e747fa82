"""Permits: calls go out as early as all limits allow, and in order; and what is learnt of limits."""
