"""The PostgreSQL and Redis that AION brings along, for installations that name none of their own."""
