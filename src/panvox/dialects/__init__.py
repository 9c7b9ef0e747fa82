"""How families of vendors spell prompts, events, errors and model lists; pure, without any I/O.

openai              the chat-completions dialect, which most providers and local servers speak
gemini              the generateContent dialect of Google
ollama              the dialect that Ollama speaks beside OpenAI's

calls · fields      addresses, headers and JSON of calls, with the quirks of a vendor · merging of both
replies             bytes of a reply to its pieces, whatever the reply turns out to be
answering           the state of one answer, and what its end amounts to
refusals            replies with another status to failures; complaints and refusal_words are its reading
rates               how its limits stand, in every spelling of headers
waits               when a provider wants us back, in every spelling
sse · ndjson · json_array   pieces of a stream out of bytes: server-sent events, lines, elements of an array
think_tags          thinking that hides in the text
foreign             JSON that bends the rules, and excerpts that are safe to show
"""
