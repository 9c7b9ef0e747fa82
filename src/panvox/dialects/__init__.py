"""How families of vendors spell prompts, events, errors and model lists; pure, without any I/O.

openai              the chat-completions dialect, which most providers and local servers speak
responses           the newer dialect of OpenAI
anthropic           the messages dialect of Anthropic
gemini              Google's generateContent
ollama              Ollama's own
cherry              the cloud form of Cherry Studio's API

calls               addresses, headers and JSON of calls, with the quirks of a vendor
fields              fields of a body in which prompt and vendor both have a say
replies             bytes of a reply to its pieces, whatever the reply turns out to be
sse · ndjson · json_array   the three ways in which streams are cut into pieces
chunks              the pieces of OpenAI-shaped answers; chunk_reading and chunk_usage are what they mean
answering           the state of one answer, and what its end amounts to
think_tags          thinking that hides in the text
refusals            replies with another status to failures; complaints and refusal_words are its reading
model_lists         OpenAI-shaped lists of models; model_facts is what their items tell
rates               how its limits stand, in every spelling of headers
waits               when a provider wants us back, in every spelling
foreign             JSON that bends the rules, and excerpts that are safe to show
"""
