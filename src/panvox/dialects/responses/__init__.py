"""The responses dialect of OpenAI, which has items where the older one has messages.

dialect        what panvox.protocols.Dialect asks for
encoding       prompts to requests
reading        replies to events
"""

from panvox.dialects.responses.dialect import Responses

__all__ = ["Responses"]
