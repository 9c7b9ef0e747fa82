"""Who takes part in `benchmarks.limits`: each is asked to make the same calls, knowing the same limits.

    python -m benchmarks.peers.NAME     a job on standard input, a result on standard output; see `job`

They run in an environment of their own, `requirements/peers.txt`, and know nothing of panvox; `ours` and
`panel` are panvox, and run in its environment.
"""
