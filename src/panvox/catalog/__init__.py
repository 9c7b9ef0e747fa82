"""Which models there are, what is known of each, and how people choose among them.

entries      the values: entries, records with their claims, probes, the whole catalogue
sources      where models may be found
discovery    asks every source for its list at the same time
weights      which weights stand behind a name
selection    the selection language

Names are imported from these modules, each of which loads no more than it needs: `panvox models` shows a
catalogue from the disk before a network library could be loaded.
"""
