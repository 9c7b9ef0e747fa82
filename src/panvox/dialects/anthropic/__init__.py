"""The messages dialect of Anthropic, as Anthropic speaks it and as those do who offer it besides another.

dialect        what panvox.protocols.Dialect asks for
encoding       prompts to requests
reading        replies to events
listings       model lists
"""

from panvox.dialects.anthropic.dialect import Anthropic

__all__ = ["Anthropic"]
