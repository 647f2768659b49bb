"""What a threshold would mean: past questions replayed with any tau, next week foretold, tau chosen by its errors.

`traffic` (the past as columns) -> `consequences` (of one tau) , `forecast` (next week's shares, with an interval that
past weeks earned) and `target` (the lowest tau whose errors stay below a bound). Pure but for `traffic.load`, which
reads the log, and `screen`, which shows.
"""
