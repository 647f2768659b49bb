"""The audit trail: who acts (`acting`), the one writer and its proof (`trail`), rows as they were (`rows`)."""
