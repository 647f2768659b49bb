"""What operators see of AION in tools of their own: figures for Prometheus, traces for OpenTelemetry, and logs."""
