"""The same curation over recorded answers: what it is worth, and what is learnt for the next prompt.

    datasets ─► trials ─► learning ─► weights_file        a set, heard as `panvox ask` would hear it
                  │          │
                  ▼          ▼
    pools ──► evaluate ─► baselines, closed, preferences ─► metrics

Nothing here asks a model. Import it late: the measurements need numpy.
"""
