"""Counts by hour and local day, kept from the events so that no chart reads events: `reading` is what pages ask."""
