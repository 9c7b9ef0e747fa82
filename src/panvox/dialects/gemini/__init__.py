"""The generateContent dialect of Google's Gemini API.

dialect                  what panvox.protocols.Dialect asks for
encoding                 prompts to requests
reading ─► endings       replies to events, and what a reason to stop means
listings                 model lists
"""

from panvox.dialects.gemini.dialect import Gemini

__all__ = ["Gemini"]
