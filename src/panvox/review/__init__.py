"""Files in, every model's review out.

gathering ─► Material ─► secrets ─► prompting ─► fitting ─► one prompt or several a model
engine ─► outcomes ─► folder: a page a model, synthesis, summary, findings, run.json
"""
