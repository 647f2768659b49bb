"""Dates as lists have room for: Django's own pt-BR format spells the month out."""

DATETIME_FORMAT = "d/m/Y H:i"
DATE_FORMAT = "d/m/Y"
