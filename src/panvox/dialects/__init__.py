"""How families of vendors spell prompts, events, errors and model lists; pure, without any I/O.

openai       the chat-completions dialect, which most providers and local servers speak
sse          server-sent events out of bytes
think_tags   thinking that hides in the text
waits        when a provider wants us back, in every spelling
foreign      JSON that bends the rules, and excerpts that are safe to show
"""
