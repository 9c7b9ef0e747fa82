"""The chat-completions dialect of OpenAI, as OpenAI speaks it and as all the others do.

dialect                                      what panvox.protocols.Dialect asks for
encoding                                     prompts to requests
rate_headers                                 how its limits stand
"""

from panvox.dialects.openai.dialect import OpenAI

__all__ = ["OpenAI"]
