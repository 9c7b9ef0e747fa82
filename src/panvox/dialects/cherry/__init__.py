"""The cloud form of Cherry Studio's API.

dialect          what panvox.protocols.Dialect asks for
encoding         prompts to the bodies of requests
reading          replies to events

The API server of the desktop program speaks the chat-completions dialect instead.
"""

from panvox.dialects.cherry.dialect import Cherry

__all__ = ["Cherry"]
