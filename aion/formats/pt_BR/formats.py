"""Dates as lists have room for, since Django's own pt-BR format spells the month out; times as Brazilians say them."""

DATETIME_FORMAT = "d/m/Y H:i"
DATE_FORMAT = "d/m/Y"
TIME_FORMAT = r"G\hi"
