"""Which models there are, what is known of each, and how people choose among them.

entries        the values: entries, records with their claims, probes, the whole catalogue
sources        where models may be found
discovery      asks every source for its list at the same time: offers
cache          the lists on the disk
references     what catalogues that come with panvox say
overrides      what the settings know better
merge          one record for each model out of all claims
capabilities   what a model can do, with the evidence
assembly       offers to the whole catalogue
index          the whole catalogue on the disk, and when it holds
lineage        which weights stand behind a name, and which they descend from
strength       how strong models are, by what was published and measured
selection      which entries a selection means, and why

Names are imported from these modules, each of which loads no more than it needs: `panvox models` shows a
catalogue from the disk before a network library could be loaded.
"""
