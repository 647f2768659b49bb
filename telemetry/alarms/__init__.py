"""Alarms: what is wrong is told once, to whom it was decided, until it arrives; and that it is over.

`raise_alarm` and `clear_alarm` are for whoever notices something by himself; what is looked at again and again goes
through `settle`. `rules` decides, `keeping` writes, `sending` delivers, `wording` says it.
"""

from telemetry.alarms.keeping import clear_alarm, raise_alarm, settle

__all__ = ["clear_alarm", "raise_alarm", "settle"]
