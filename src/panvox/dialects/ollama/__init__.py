"""The dialect that Ollama speaks under `/api`.

dialect                   what panvox.protocols.Dialect asks for
encoding                  prompts to requests
reading                   replies to events
troubles                  what its errors mean
listings                  model lists, and what more it tells of one model
"""

from panvox.dialects.ollama.dialect import Ollama

__all__ = ["Ollama"]
