"""The parts of the nightly loop: what it looks at, how it decides, how it says so. `aion.autopilot` runs a night."""
