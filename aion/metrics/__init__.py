"""The page of metrics: figures and charts over a period, each with its table and its files.

Reads the counts by hour and day (`telemetry.rollups`) and what rooms keep by day; adds nothing up from events. A chart
is a function of a `Period` that returns a `Panel`; `page.SECTIONS` says which there are.
"""
