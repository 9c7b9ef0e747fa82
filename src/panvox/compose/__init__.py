"""The composition root: settings in, a session out, in which the concrete parts meet.

session        what is open while prompts are asked, and the public functions
conversation   one panel, asked again and again
catalogue      sources, lists, facts and settings put together to the catalogue
dialects       the table of dialects
keys           a pool of keys for each provider, and where each key is kept
key_trials     keys tried at their providers

Names are imported from these modules; the first and the last bring network libraries, the others do not.
"""
