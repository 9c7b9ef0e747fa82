"""The chat-completions dialect of OpenAI, as OpenAI speaks it and as all the others do.

dialect                                      what panvox.protocols.Dialect asks for
encoding                                     prompts to requests
decoding ─► chunks ─► answering · usage      replies to events
errors ─► complaints · refusals              replies with another status to failures
listings                                     model lists
"""

from panvox.dialects.openai.dialect import OpenAI

__all__ = ["OpenAI"]
