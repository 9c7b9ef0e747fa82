"""Models around models: each is given one, or several, and keeps every promise of `Model`.

From the outside to the inside, as `compose` nests them:
fallback or retrying, cached, keyed, breaking, limited, metered.
"""
