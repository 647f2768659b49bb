"""What AION is worth and how fast it is, beside its peers in the same run. `make bench`; see docs/benchmarks.md.

A benchmark is a module with `measure(options)`, which yields `Line`s; the launcher gives it a private installation,
prints its lines as JSON and makes the page of them.
"""
